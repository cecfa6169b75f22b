// Tests that scenarios can fail, and name the line. Each of these scenarios has one fault, in the named line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/stage.hpp"

namespace pillion::scenarios {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The error of a file with one scenario of these lines; "" if it passes. Line 1 is the scenario's head.
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

const std::string servers = "upstream tls servers a b\n";

TEST(Language, ServersAreOfARealGroup) {
  EXPECT_EQ(failure_of(servers + "at 0s client asks www.example A ; a is asked www.example A\n"
                                 "a answers www.example A NOERROR\nclient gets NOERROR from upstream"),
            "");
  EXPECT_EQ(failure_of(servers + "at 0s client asks www.example A"),
            "f.txt:1: before this, the scenario does not say that\n  a is asked www.example A");
  EXPECT_EQ(failure_of(servers + "at 0s client asks www.example A ; b is asked www.example A"),
            "f.txt:3: b is not asked www.example A, nor anything else");
  EXPECT_EQ(failure_of(servers + "at 0s a answers www.example A NOERROR"),
            "f.txt:3: a was not asked www.example A, or it is too late");
  EXPECT_EQ(failure_of(servers + "at 0s a will answer www.example A NOERROR"),
            "f.txt:1: a was never asked www.example A");
  EXPECT_EQ(failure_of(servers + "at 0s a goes away"),
            "f.txt:1: before this, the scenario does not say that\n  log says \"upstream failed\"");
}

TEST(Language, WhatIsSaidOfServersHasToHold) {
  const auto fails_with = [](const std::string& statement) { return failure_of(servers + "at 0s " + statement); };
  EXPECT_EQ(fails_with("a is down"), "f.txt:3: a is up");
  EXPECT_EQ(fails_with("a is probed"), "f.txt:3: a is not probed");
  EXPECT_EQ(fails_with("a has 2 connections"), "f.txt:3: the number of open connections is 1, not 2");
  EXPECT_EQ(fails_with("a was connected to 0 times"), "f.txt:3: the number of connections that were made is 1, not 0");
  EXPECT_EQ(fails_with("a was asked www.example A 1 times"), "f.txt:3: the number of queries is 0, not 1");
  EXPECT_EQ(fails_with("a was asked from 1 ports"), "f.txt:3: the number of ports is 0, not 1");
  EXPECT_EQ(fails_with("a won 1 hedges"), "f.txt:3: the number of hedges is 0, not 1");
  EXPECT_EQ(fails_with("a lost 1 hedges"), "f.txt:3: the number of hedges is 0, not 1");
  EXPECT_EQ(fails_with("a was spared 1 hedges"), "f.txt:3: the number of hedges over budget is 0, not 1");
  EXPECT_EQ(fails_with("a counts 1 reset"), "f.txt:3: the number of failures is 0, not 1");
  EXPECT_EQ(fails_with("a counts 1 whim"), "f.txt:3: \"whim\" is not a reason of a failure");
  EXPECT_EQ(fails_with("a dances"), "f.txt:3: \"dances\" is not known of a server");
  EXPECT_EQ(fails_with("a falls silent slowly"), "f.txt:3: \"falls\" is not known of a server");
  EXPECT_EQ(failure_of("upstream tls servers a policy whimsical\nat 0s"), "f.txt:2: \"whimsical\" is not a policy");
}

TEST(Language, ALoadHasToBeAnswered) {
  const auto load = "upstream tls servers a\na answers everything after 20ms\nat 0s load asks 10 names a second\n";
  EXPECT_EQ(failure_of(std::string(load) + "at 1s load ends\nat 2s load is answered within 20ms"), "");
  EXPECT_EQ(failure_of(std::string(load) + "at 1s load ends\nat 2s load is answered within 19ms"),
            "f.txt:6: the name that was asked at 0ms waits 20ms");
  EXPECT_EQ(failure_of(std::string(load) + "at 1s load ends\nat 2s load is answered from 1500ms within 20ms"),
            "f.txt:6: no name was asked since then, or none so long ago");
  EXPECT_EQ(failure_of("upstream tls servers a\na answers everything REFUSED\nat 0s load asks 10 names a second\n"
                       "at 90ms load fails at most 0 times"),
            "f.txt:5: it fails 1 times");
}

TEST(Language, RecordsMayGoOnInTheNextLine) {
  EXPECT_EQ(failure_of("at 0s client learns www.example A NOERROR from upstream:\n"
                       "  www.example 60 CNAME host.example.,\n  host.example 60 A 192.0.2.1 /\n  example 60 NS ns."),
            "");
}

}  // namespace
}  // namespace pillion::scenarios
