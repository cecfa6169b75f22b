// That scenarios can fail, and say where: each of these has one thing wrong with it, in the line that is named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/stage.hpp"

namespace pillion::scenarios {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What a file of one scenario with these lines fails with; "" where it holds. Line 1 is the scenario's head.
std::string failure_of(const std::string& lines, const std::string& head = "scenario \"name\" RFC 1035 3.2.1") {
  try {
    for (const auto& scenario : read_scenarios(head + "\n" + lines, "f.txt")) play(scenario);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

const std::string learned = "at 0s client learns www.example A NOERROR from upstream: www.example 60 A 192.0.2.1\n";

TEST(Language, AScenarioThatHolds) {
  EXPECT_EQ(
      failure_of(learned + "client asks www.example A; client gets NOERROR from cache: www.example 60 A 192.0.2.1"),
      "");
}

TEST(Language, HeadsNeedNameAndReference) {
  EXPECT_EQ(failure_of("", "scenario name RFC 1 1"), "f.txt:1: the scenario's name has to be in quotes, not name");
  EXPECT_EQ(failure_of("", "scenario \"name\""), R"(f.txt:1: "RFC" expected, not "")");
  EXPECT_EQ(failure_of("", "scenario \"name\" RFC 1035"), "f.txt:1: the section of the RFC is missing");
  EXPECT_THAT(failure_of("", "scenario \"name\" RFC 1035 three"), StartsWith("f.txt:1: \"RFC 1035 three\" is not"));
  EXPECT_EQ(failure_of("", "scenario \"name"), "f.txt:1: the quote is not closed");
  EXPECT_EQ(failure_of("", "at 0s"), "f.txt:1: there is no scenario yet");
}

TEST(Language, UnknownWordsAreErrors) {
  EXPECT_THAT(failure_of("at 0s client tells www.example A"), StartsWith("f.txt:2: \"client\" is neither"));
  EXPECT_EQ(failure_of("at 0s client asks www.example B"), "f.txt:2: \"B\" is not a type");
  EXPECT_EQ(failure_of("at 0s client asks www.example A NOW"), "f.txt:2: \"NOW\" is not known in a query");
  EXPECT_EQ(failure_of("at soon"), "f.txt:2: \"soon\" is not a time such as 300s, 1.8s or 1h");
  EXPECT_EQ(failure_of("cache colour red"), "f.txt:2: \"colour\" is not a setting of the cache");
  EXPECT_EQ(failure_of("route example to nowhere"), "f.txt:2: there is no group nowhere");
  EXPECT_EQ(failure_of("at 0s upstream goes down slowly"), "f.txt:2: \"slowly\" is not known here");
  EXPECT_EQ(failure_of("at 0s client learns www.example A YES from upstream"),
            "f.txt:2: \"YES\" is not a response code");
  EXPECT_THAT(failure_of("at 0s client learns www.example A NOERROR from upstream: www.example 60 A one"),
              StartsWith("f.txt:2: in \"www.example 60 A one\": "));
}

TEST(Language, LinesAreCounted) {
  EXPECT_THAT(
      failure_of("# a comment\n\nat 0s client asks www.example A ; upstream is asked www.example A\n  at 1s ; at 0s"),
      StartsWith("f.txt:5: time does not go back"));
}

TEST(Language, NothingMayGoUnseen) {
  EXPECT_EQ(failure_of("at 0s client asks www.example A"),
            "f.txt:1: before this, the scenario does not say that\n  upstream is asked www.example A");
  EXPECT_EQ(failure_of("at 0s client asks www.example A\nat 1s"),
            "f.txt:3: before this, the scenario does not say that\n  upstream is asked www.example A");
  EXPECT_EQ(failure_of(learned + "client asks www.example A"),
            "f.txt:1: before this, the scenario does not say that\n"
            "  client gets NOERROR from cache: www.example 60 A 192.0.2.1");
  EXPECT_EQ(failure_of("at 0s"), "");
  EXPECT_EQ(failure_of(""), "f.txt:1: nothing happens");
  EXPECT_EQ(failure_of("at 0s upstream will answer www.example A NOERROR"),
            "f.txt:1: upstream was never asked www.example A");
}

TEST(Language, WhatIsSeenHasToBeAsWritten) {
  EXPECT_EQ(failure_of("at 0s client asks www.example A\nupstream is asked www.example AAAA"),
            "f.txt:3: upstream is not asked www.example AAAA, but\n  www.example A");
  EXPECT_EQ(failure_of(learned + "upstream is asked www.example A"),
            "f.txt:3: upstream is not asked www.example A, nor anything else");
  EXPECT_EQ(failure_of(learned + "at 1s client asks www.example A\n"
                                 "client gets NOERROR from cache: www.example 60 A 192.0.2.1"),
            "f.txt:4: client gets\n  NOERROR from cache: www.example 59 A 192.0.2.1\nand not\n"
            "  NOERROR from cache: www.example 60 A 192.0.2.1");
  EXPECT_THAT(failure_of(learned + "client asks www.example A ; client gets NOERROR from upstream"),
              HasSubstr("NOERROR from cache: www.example 60"));
  EXPECT_EQ(failure_of(learned + "client gets NOERROR from cache"), "f.txt:3: client gets nothing");
  EXPECT_EQ(failure_of("at 0s upstream answers www.example A NOERROR"),
            "f.txt:2: upstream was not asked www.example A");
  EXPECT_EQ(failure_of("at 0s log says \"hello\""), "f.txt:2: the log says nothing");
  EXPECT_EQ(failure_of("at 0s resolver holds at least 1 answers"), "f.txt:2: it holds 0");
}

TEST(Language, RecordsMayGoOnInTheNextLine) {
  EXPECT_EQ(failure_of("at 0s client learns www.example A NOERROR from upstream:\n"
                       "  www.example 60 CNAME host.example.,\n  host.example 60 A 192.0.2.1 /\n  example 60 NS ns."),
            "");
}

}  // namespace
}  // namespace pillion::scenarios
