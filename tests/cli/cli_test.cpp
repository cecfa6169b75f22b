// The command line without a process: arguments in, text and exit code out.

#include "cli/cli.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "support/certificates.hpp"

namespace pillion::cli {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

struct Result {
  int exit_code;
  std::string out;
  std::string err;
};

Result pillion(const std::vector<std::string>& args) {
  std::ostringstream out;
  std::ostringstream err;
  const int exit_code = main(args, out, err);
  return {.exit_code = exit_code, .out = out.str(), .err = err.str()};
}

/// A path of this process, since tests of one program run at the same time.
std::string write_file(const std::string& name, const std::string& text) {
  const auto path = testing::TempDir() + "pillion-cli-" + std::to_string(::getpid()) + "-" + name;
  std::ofstream(path) << text;
  return path;
}

TEST(Output, ThatCannotBeWrittenIsAFailure) {
  for (const auto& args : std::vector<std::vector<std::string>>{{"check"}, {"version"}, {"completion", "bash"}}) {
    std::ofstream full("/dev/full");
    std::ostringstream err;
    EXPECT_EQ(main(args, full, err), 1) << args.front();
    EXPECT_EQ(err.str(), "pillion: standard output cannot be written\n");
  }
}

TEST(Help, OfTheSubcommandIsNamedByItsErrors) {
  EXPECT_THAT(pillion({"query"}).err, HasSubstr("see `pillion query --help`"));
  EXPECT_THAT(pillion({"probe", "--samples", "0"}).err, HasSubstr("see `pillion probe --help`"));
  EXPECT_THAT(pillion({"no-such-command"}).err, HasSubstr("see `pillion --help`"));
}

TEST(Help, NamesEverySubcommandAndHasAnExample) {
  for (const auto* const flag : {"--help", "-h"}) {
    const auto result = pillion({flag});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr("run"), HasSubstr("check"), HasSubstr("query"), HasSubstr("probe"),
                                  HasSubstr("health"), HasSubstr("reload"), HasSubstr("status"), HasSubstr("version"),
                                  ContainsRegex("Example:\n  pillion ")));
    EXPECT_THAT(result.err, IsEmpty());
  }
}

TEST(Help, OfEverySubcommandHasAnExample) {
  for (const std::string command : {"run", "check", "query", "probe", "health", "reload", "status", "version"}) {
    const auto result = pillion({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_THAT(result.out, HasSubstr("Example:\n  pillion " + command));
  }
}

TEST(CommandLine, ThatIsWrongExitsWith2) {
  const std::vector<std::vector<std::string>> wrong{
      {"walk"},
      {"run", "--frobnicate"},
      {"--frobnicate"},
      {"run", "extra"},
      {"check", "--config"},
      {"check", "check"},
      {"run", "check"},
      {"version", "--config", "x"},
      {"query"},
      {"query", "example.com", "A", "extra"},
      {"query", "example.com", "--tcp", "--udp"},
      {"query", "example.com", "NOTATYPE"},
      {"query", "bad..name"},
      {"query", "example.com", "--server", "localhost:53"},
      {"query", "example.com", "--server", ""},
      {"health", "now"},
      {"health", "--live", "--ready"},
      {"health", "--startup", "--live"},
      {"health", "--ready", "--startup"},
      {"health", "--wait", "5"},
      {"health", "--pid", "0"},
      {"query", "example.com", "--server", "127.0.0.1"},
      {"status", "extra"},
      {"status", "--pid", "0"},
      {"status", "--admin", "localhost:9154"},
      {"reload", "extra"},
      {"reload", "--pid", "0"},
      {"reload", "--pid", "-1"},
      {"reload", "--pid", "x"},
      {"reload", "--wait", "30"},
  };
  for (const auto& args : wrong) {
    const auto result = pillion(args);
    EXPECT_EQ(result.exit_code, 2) << testing::PrintToString(args);
    EXPECT_THAT(result.out, IsEmpty()) << testing::PrintToString(args);
    EXPECT_THAT(result.err, AllOf(StartsWith("pillion: "), HasSubstr("--help`\n"))) << testing::PrintToString(args);
  }
}

TEST(Check, WithoutAFilePrintsTheDefaults) {
  const auto result = pillion({"check"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, StartsWith(config::to_yaml(config::default_config(), true) + R"(
# The longest of these zones that a name ends in decides where its queries go:
# zone  answered by  protocol  servers
# .     public       tls       1.1.1.1:853, 9.9.9.9:853

# Memory of the whole process, about, if it is started as this command was:
#   )"));
  EXPECT_THAT(result.out, HasSubstr("MiB, of which\n#     program "));
  EXPECT_THAT(result.out, HasSubstr("\n# The ca_file of each upstream contains:\n# public  "));
  EXPECT_THAT(result.out, testing::EndsWith(" roots\n"));
  EXPECT_THAT(result.err, IsEmpty());
}

TEST(Check, PrintsWhatAFileMeans) {
  const auto file = write_file("good.yaml", "threads: 2\n");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(StartsWith("dns:\n"), HasSubstr("\nthreads: 2\n")));
}

TEST(Check, PrintsTheRoutesAsATable) {
  const auto file = write_file("routes.yaml", R"(
upstreams:
  cluster-of-ours: {protocol: udp, servers: [{address: "10.96.0.10:53"}, {address: "[fd00::a]:53"}]}
  lan: {protocol: tcp, servers: [{address: "192.0.2.1:53"}]}
routes:
  - {zone: ".", upstream: lan}
  - {zone: internal, records: ["@ A 192.0.2.1"]}
  - {zone: very-long-top-level-domain, upstream: lan}
  - {zone: svc.cluster.local, records: ["a A 192.0.2.1", "b A 192.0.2.2"]}
  - {zone: cluster.local, upstream: cluster-of-ours}
  - {zone: 'a\.b\.c.example', upstream: lan}
  - {network: 10.0.0.0/8, upstream: lan}
  - {network: 100.64.0.0/10, upstream: lan}
  - {network: 100.64.0.0/11, upstream: cluster-of-ours}
  - {network: "fd00::/8", upstream: lan}
)");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(R"(
# zone                                                         answered by      protocol  servers
# 100.64.0.0/11 (64.100.in-addr.arpa to 95.100.in-addr.arpa)   cluster-of-ours  udp       10.96.0.10:53, [fd00::a]:53
# 100.64.0.0/10 (64.100.in-addr.arpa to 127.100.in-addr.arpa)  lan              tcp       192.0.2.1:53
# fd00::/8 (d.f.ip6.arpa)                                      lan              tcp       192.0.2.1:53
# 10.0.0.0/8 (10.in-addr.arpa)                                 lan              tcp       192.0.2.1:53
# svc.cluster.local                                            2 records
# a\.b\.c.example                                              lan              tcp       192.0.2.1:53
# cluster.local                                                cluster-of-ours  udp       10.96.0.10:53, [fd00::a]:53
# internal                                                     1 record
# very-long-top-level-domain                                   lan              tcp       192.0.2.1:53
# .                                                            lan              tcp       192.0.2.1:53
)"));
}

TEST(Check, PrintsNetworksThatComeBackToTheSame) {
  const auto file = write_file("networks.yaml", R"(
routes: [{network: 172.16.0.0/12, upstream: public}, {network: "FC00::/7", upstream: public}]
)");
  const auto result = pillion({"check", "--config", file});
  EXPECT_THAT(result.out, HasSubstr("\n  - {network: \"172.16.0.0/12\", upstream: public}\n"));
  EXPECT_THAT(result.out, HasSubstr("\n  - {network: \"fc00::/7\", upstream: public}\n"));
  EXPECT_EQ(config::parse_config(result.out, "printed").config, config::load_config(file).config);
}

TEST(Check, PrintsWhatComesBackToTheSame) {
  const auto file = write_file("whole.yaml", "routes: [{zone: internal, records: ['@ TXT \"# a\"']}]\n");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(config::parse_config(result.out, "printed").config, config::load_config(file).config);
}

TEST(Check, HidesThePathOfAKey) {
  const auto identity = test::CertificateAuthority().issue();
  const auto key = write_file("key.pem", identity.certificate_pem() + identity.key_pem());
  const auto file =
      write_file("key.yaml", "upstreams: {public: {servers: [{address: \"192.0.2.1:853\"}], tls: {client_cert: " + key +
                                 ", client_key: " + key + "}}}\n");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("client_cert: " + key + ", client_key: <redacted>"));
}

TEST(Check, PrintsEveryFaultWithItsPosition) {
  const auto file = write_file("bad.yaml", "threads: 0\nlog: {level: loud}\n");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_EQ(result.err,
            file + ":1:10: threads: `0` is out of range; allowed: 1 to 256\n" + file +
                ":2:14: log.level: `loud` is not one of the choices; allowed: debug, info, warn or error\n");
}

TEST(Check, PrintsWhatWasSkippedAndExitsWith0) {
  const auto resolv_conf = write_file("resolv.conf", "search a.example foo..bar\noptions ndots:\n");
  const auto file = write_file("search.yaml", "search: {resolv_conf: " + resolv_conf + "}\n");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("\nsearch: {domains: [\"a.example\"], ndots: 1}\n"));
  EXPECT_EQ(result.err, resolv_conf + ":1: `foo..bar` is not a domain name: an empty label; skipped\n" + resolv_conf +
                            ":2: `ndots:` has no number; skipped\n");
}

TEST(Check, TellsWhatTheCaFilesHold) {
  const test::CertificateAuthority root;
  const auto upper = root.intermediate("Upper");
  const auto lower = upper.intermediate("Lower");
  const auto whole =
      write_file("whole.pem", root.certificate_pem() + upper.certificate_pem() + lower.certificate_pem());
  const auto part =
      write_file("part.pem", upper.certificate_pem() + lower.certificate_pem() + root.issue().certificate_pem());
  const auto file = write_file("trust.yaml", R"(
upstreams:
  public: {servers: [{address: "192.0.2.1:853"}], tls: {ca_file: )" +
                                                 whole + R"(}}
  private: {servers: [{address: "192.0.2.2:853"}], tls: {ca_file: )" +
                                                 part + R"(}}
  cluster: {protocol: udp, servers: [{address: "192.0.2.3:53"}]}
routes: [{zone: a, upstream: private}, {zone: b, upstream: cluster}, {zone: ., upstream: public}]
)");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, testing::EndsWith(R"(
# The ca_file of each upstream contains:
# public   1 root, 2 intermediate CAs below an anchor
# private  1 intermediate CA as trust anchor, 1 intermediate CA below an anchor, 1 unused certificate
)"));
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("`CN=Upper` is a trust anchor"), HasSubstr("`CN=dot.example` is not a CA certificate")));
}

TEST(Check, TellsThatAFileIsEmpty) {
  const auto file = write_file("empty.yaml", "# Nothing yet.\n");
  const auto result = pillion({"check", "--config", file});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, StartsWith(file + ":1:1: the file is empty; allowed: "));
}

TEST(Run, WithABadConfigurationExitsWith1) {
  const auto file = write_file("bad.yaml", "threads: 0\n");
  const std::vector<std::vector<std::string>> forms{
      {"run", "--config", file}, {"run", "--config=" + file}, {"--config", file}, {"-c", file}};
  for (const auto& args : forms) {
    const auto result = pillion(args);
    EXPECT_EQ(result.exit_code, 1) << testing::PrintToString(args);
    EXPECT_EQ(result.err, file + ":1:10: threads: `0` is out of range; allowed: 1 to 256\n");
  }
}

TEST(Run, WithAFileThatIsNotThereExitsWith1) {
  const auto result = pillion({"run", "--config", "/nonexistent/pillion.yaml"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, StartsWith("/nonexistent/pillion.yaml:1:1: cannot be read: No such file or directory"));
}

TEST(Version, NamesTheCommitAndEveryLibrary) {
  const auto result = pillion({"version"});
  EXPECT_EQ(result.exit_code, 0);
  for (const auto* const name : {"pillion", "Boost", "OpenSSL", "yaml-cpp", "prometheus-cpp", "spdlog", "CLI11"}) {
    EXPECT_THAT(result.out, ContainsRegex(std::string("(^|\n)") + name + " +[0-9]+\\.[0-9]+\\.[0-9]+"));
  }
  EXPECT_THAT(result.out, ContainsRegex("\ncommit +([0-9a-f]{12}(-dirty)?|unknown)\n"));
  EXPECT_THAT(result.out, ContainsRegex("\ncompiler +(GCC|Clang) [0-9]+\\."));
}

}  // namespace
}  // namespace pillion::cli
