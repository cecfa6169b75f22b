// Each document of bad_documents.txt is refused with exactly the faults written below it.

#include <fstream>
#include <ostream>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/load.hpp"

namespace pillion::config {
namespace {

struct BadDocument {
  std::string name;
  std::string yaml;
  std::string faults;
};

void PrintTo(const BadDocument& document, std::ostream* out) {
  *out << document.name;
}

std::vector<BadDocument> read_bad_documents() {
  std::ifstream file(PILLION_SOURCE_DIR "/tests/config/bad_documents.txt");
  std::vector<BadDocument> documents;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      documents.push_back({.name = line.substr(4), .yaml = {}, .faults = {}});
    } else if (documents.empty() || line.empty()) {
      continue;
    } else if (auto& document = documents.back(); line.starts_with("=> ")) {
      document.faults += (document.faults.empty() ? "f.yaml:" : "\nf.yaml:") + line.substr(3);
    } else {
      document.yaml += line + "\n";
    }
  }
  return documents;
}

class BadDocuments : public testing::TestWithParam<BadDocument> {};

TEST_P(BadDocuments, AreRefusedWithEveryFault) {
  const auto& document = GetParam();
  ASSERT_FALSE(document.faults.empty());
  try {
    const auto config = parse_config(document.yaml, "f.yaml").config;
    FAIL() << "accepted as\n" << to_yaml(config, false);
  } catch (const ConfigError& error) {
    // Since 0.8 yaml-cpp names the anchor.
    static const std::regex anchor("(anchor is not defined): \\w+");
    EXPECT_EQ(std::regex_replace(error.what(), anchor, "$1"), document.faults);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, BadDocuments, testing::ValuesIn(read_bad_documents()));

TEST(BadDocumentTable, IsWhole) {
  EXPECT_GE(read_bad_documents().size(), 140U);
}

}  // namespace
}  // namespace pillion::config
