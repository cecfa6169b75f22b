#include "config/files.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "config/pem.hpp"
#include "config/temporary_file.hpp"

namespace pillion::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::filesystem::path default_ca_file = Tls{}.ca_file;

std::vector<std::filesystem::path> files_of(const std::string& yaml) {
  return config::files_of(YAML::Load(yaml));
}

TEST(FilesOf, AreThoseOfTheDefaults) {
  EXPECT_THAT(files_of("{}"), ElementsAre(default_ca_file));
  EXPECT_THAT(files_of("threads: 1"), ElementsAre(default_ca_file));
}

TEST(FilesOf, AreThoseOfEveryUpstreamEachOnce) {
  EXPECT_THAT(files_of(R"(
upstreams:
  a: {tls: {ca_file: /ca, client_cert: /cert, client_key: /key}}
  b: {protocol: tls, tls: {ca_file: /ca}}
  c: {servers: []}
  d: {tls: {groups: []}}
)"),
              ElementsAre("/ca", "/cert", "/key", default_ca_file));
}

TEST(FilesOf, AreNoneOfUpstreamsInTheClear) {
  EXPECT_THAT(files_of("upstreams: {a: {protocol: udp}, b: {protocol: tcp}}"), IsEmpty());
}

TEST(FilesOf, HaveTheResolvConf) {
  EXPECT_THAT(files_of("search: {resolv_conf: /etc/resolv.conf}"), ElementsAre(default_ca_file, "/etc/resolv.conf"));
}

TEST(FilesOf, AreToldOfFaultyDocumentsToo) {
  EXPECT_THAT(files_of("[]"), ElementsAre(default_ca_file));
  EXPECT_THAT(files_of("{upstreams: [], search: false}"), IsEmpty());
  EXPECT_THAT(files_of("upstreams: {a: 1, b: {protocol: [], tls: 3}, c: {tls: {ca_file: [], client_cert: {}}}}"),
              ElementsAre(default_ca_file));
  EXPECT_THAT(files_of("{threads: 0, frobnicate: 1, upstreams: {a: {tls: {ca_file: /ca}}}}"), ElementsAre("/ca"));
}

TEST(FilesOf, OfTooManyUpstreamsAreBounded) {
  std::string yaml = "upstreams:\n";
  for (int i = 0; i < 200; ++i)
    yaml += "  u" + std::to_string(i) + ": {tls: {ca_file: /ca" + std::to_string(i) + "}}\n";
  EXPECT_THAT(files_of(yaml), SizeIs(16));
}

TEST(LoadConfig, TellsTheFilesThatWereRead) {
  const TemporaryFile pem(pem_of_everything());
  const TemporaryFile resolv_conf("search a.example\n");
  const TemporaryFile file(R"(upstreams: {public: {servers: [{address: "192.0.2.1:853"}], tls: {ca_file: )" +
                           pem.path() + "}}}\nsearch: {resolv_conf: " + resolv_conf.path() + "}\n");
  EXPECT_THAT(load_config(file.path()).files, ElementsAre(file.path(), pem.path(), resolv_conf.path()));
}

TEST(LoadConfig, WithFaultsTellsTheFilesThatRepairIt) {
  const auto files_with = [](const std::string& yaml) {
    const TemporaryFile file(yaml);
    try {
      static_cast<void>(load_config(file.path()));
    } catch (const ConfigError& error) {
      EXPECT_FALSE(error.files().empty());
      EXPECT_EQ(error.files().front(), file.path());
      return std::vector(error.files().begin() + 1, error.files().end());
    }
    ADD_FAILURE() << "accepted: " << yaml;
    return std::vector<std::filesystem::path>{};
  };
  EXPECT_THAT(
      files_with(R"(upstreams: {public: {servers: [{address: "192.0.2.1:853"}], tls: {ca_file: /nonexistent/ca}}})"),
      ElementsAre("/nonexistent/ca"));
  EXPECT_THAT(files_with("threads: 0\nsearch: {resolv_conf: /nonexistent/resolv.conf}"),
              ElementsAre(default_ca_file, "/nonexistent/resolv.conf"));
  EXPECT_THAT(files_with("threads: ["), IsEmpty());
  EXPECT_THAT(files_with(""), IsEmpty());
}

TEST(LoadConfig, OfAFileThatIsNotThereTellsThatFile) {
  try {
    static_cast<void>(load_config("/nonexistent/pillion.yaml"));
    FAIL() << "was read";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.files(), ElementsAre("/nonexistent/pillion.yaml"));
  }
}

}  // namespace
}  // namespace pillion::config
