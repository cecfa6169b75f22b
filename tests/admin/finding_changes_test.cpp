#include "admin/finding_changes.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

namespace pillion::admin {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

Finding finding(std::string_view code, std::string subject = {}, Severity severity = Severity::warning,
                Fault fault = Fault::upstream) {
  return {.severity = severity, .code = code, .fault = fault, .text = "", .subject = std::move(subject)};
}

std::vector<std::string> words(const std::vector<Finding>& findings) {
  std::vector<std::string> words;
  for (const auto& each : findings) words.push_back(std::string(each.code) + " " + each.subject);
  return words;
}

class FindingChangesTest : public testing::Test {
 protected:
  FindingChanges::Changes take(std::chrono::seconds after, const std::vector<Finding>& findings) {
    return changes_.take(findings, runtime::Time(after));
  }
  FindingChanges changes_;
};

TEST_F(FindingChangesTest, EachBeginsOnceAndIsOverOnce) {
  EXPECT_THAT(words(take(0s, {finding("server_down", "a"), finding("memory_short")}).begun),
              ElementsAre("server_down a", "memory_short "));
  const auto later = take(10s, {finding("server_down", "a"), finding("server_down", "b"), finding("memory_short")});
  EXPECT_THAT(words(later.begun), ElementsAre("server_down b"));
  EXPECT_THAT(later.over, IsEmpty());
  EXPECT_THAT(words(take(70s, {finding("server_down", "b")}).over), ElementsAre("memory_short ", "server_down a"));
  EXPECT_THAT(take(80s, {finding("server_down", "b")}).over, IsEmpty());
}

TEST_F(FindingChangesTest, OneThatComesAndGoesIsOne) {
  static_cast<void>(take(0s, {finding("answers_failing")}));
  EXPECT_THAT(take(59s, {}).over, IsEmpty());
  EXPECT_THAT(take(60s, {finding("answers_failing")}).begun, IsEmpty());
  EXPECT_THAT(words(take(120s, {}).over), ElementsAre("answers_failing "));
  EXPECT_THAT(words(take(121s, {finding("answers_failing")}).begun), ElementsAre("answers_failing "));
}

TEST_F(FindingChangesTest, WhatNeedsNobodysAttentionIsNotSaid) {
  EXPECT_THAT(take(0s, {finding("all_well", "", Severity::ok), finding("draining", "", Severity::notice, Fault::none),
                        finding("clients_misbehaving", "", Severity::notice, Fault::clients)})
                  .begun,
              IsEmpty());
}

TEST_F(FindingChangesTest, FailuresOfFewAnswersAreSaid) {
  const auto few = finding("answers_failing", "", Severity::notice);
  EXPECT_THAT(words(take(0s, {few}).begun), ElementsAre("answers_failing "));
  EXPECT_THAT(take(10s, {few}).begun, IsEmpty());
}

TEST_F(FindingChangesTest, ANoticeThatBecomesAWarningIsSaidOnceMore) {
  const auto few = finding("answers_failing", "", Severity::notice);
  static_cast<void>(take(0s, {few}));
  EXPECT_THAT(words(take(10s, {finding("answers_failing")}).begun), ElementsAre("answers_failing "));
  EXPECT_THAT(take(20s, {few}).begun, IsEmpty());
  EXPECT_THAT(take(25s, {finding("answers_failing")}).begun, IsEmpty()) << "it has not been absent";
  EXPECT_THAT(words(take(85s, {}).over), ElementsAre("answers_failing "));
}

}  // namespace
}  // namespace pillion::admin
