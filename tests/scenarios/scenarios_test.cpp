// Plays every scenario of the .txt files beside this file, each as a test of its own name.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>

#include <gtest/gtest.h>

#include "scenarios/stage.hpp"

namespace pillion::scenarios {

void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name << " (" << scenario.reference << "), " << scenario.place.file << ":" << scenario.place.line;
}

namespace {

constexpr std::size_t fewest = 60;
constexpr std::size_t fewest_below_the_group = 80;

std::vector<Scenario> scenarios_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return read_scenarios(text, "tests/scenarios/" + path.filename().string());
}

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(PILLION_SOURCE_DIR "/tests/scenarios")) {
    if (entry.path().extension() == ".txt") all.push_back(entry.path());
  }
  std::ranges::sort(all);
  return all;
}

/// The scenarios of all readable files. Another test reports the other files.
std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> all;
  for (const auto& path : files()) {
    try {
      std::ranges::move(scenarios_of(path), std::back_inserter(all));
    } catch (const Error&) {
      continue;
    }
  }
  return all;
}

std::string test_name(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_plain) {
      text += c;
    } else if (!text.ends_with('_')) {
      text += '_';
    }
  }
  return text;
}

TEST(ScenarioFiles, CanBeRead) {
  for (const auto& path : files()) {
    try {
      static_cast<void>(scenarios_of(path));
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(ScenarioFiles, HoldAtLeastSixtyOfDifferentNames) {
  std::set<std::string> names;
  for (const auto& scenario : all_scenarios()) {
    EXPECT_TRUE(names.insert(test_name(scenario.name)).second) << scenario.name << " is there twice";
  }
  EXPECT_GE(names.size(), fewest);
}

TEST(ScenarioFiles, HoldAtLeastEightyThatReachBelowTheGroup) {
  const auto reaches_below = [](const Scenario& scenario) {
    return std::ranges::any_of(scenario.statements, [](const Statement& statement) {
      return std::ranges::find(statement.words, "servers") != statement.words.end();
    });
  };
  EXPECT_GE(static_cast<std::size_t>(std::ranges::count_if(all_scenarios(), reaches_below)), fewest_below_the_group);
}

class Scenarios : public ::testing::TestWithParam<Scenario> {};

TEST_P(Scenarios, Hold) {
  RecordProperty("reference", GetParam().reference);
  try {
    play(GetParam());
  } catch (const Error& error) {
    FAIL() << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, ::testing::ValuesIn(all_scenarios()),
                         [](const auto& scenario) { return test_name(scenario.param.name); });

}  // namespace
}  // namespace pillion::scenarios
