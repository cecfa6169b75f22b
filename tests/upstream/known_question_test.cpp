#include "upstream/known_question.hpp"

#include <gtest/gtest.h>

#include "upstream/pool_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::PoolTest;
using testing::reply_to;

bool is(dns::Bytes bytes, const dns::Buffer& expected) {
  return std::ranges::equal(bytes, expected);
}

class KnownQuestionTest : public ::testing::Test {
 protected:
  [[nodiscard]] KnownQuestion make(bool prefers_root = false) const { return KnownQuestion(group_, prefers_root); }

  const dns::Buffer first{1};
  const dns::Buffer second{2};

 private:
  std::shared_ptr<GroupQuestion> group_ = std::make_shared<GroupQuestion>();
};

TEST_F(KnownQuestionTest, IsTheNewestButForOneThatWasAnsweredWithAuthority) {
  auto known = make();
  EXPECT_TRUE(known.query().empty());
  known.learn(first, false);
  known.learn(second, false);
  EXPECT_TRUE(is(known.query(), second));
  known.learn(first, true);
  known.learn(second, false);
  EXPECT_TRUE(is(known.query(), first)) << "the other may have been in the server's cache";
  known.learn(second, true);
  EXPECT_TRUE(is(known.query(), second));
}

TEST_F(KnownQuestionTest, TakesTurnsWithTheRootWhileNeitherIsAnswered) {
  auto known = make();
  known.learn(first, true);
  known.unanswered(false);
  EXPECT_TRUE(known.query().empty());
  known.unanswered(false);
  EXPECT_TRUE(is(known.query(), first));
  known.unanswered(false);
  known.learn(first, true);
  EXPECT_TRUE(is(known.query(), first));
}

TEST_F(KnownQuestionTest, OfAServerOverTlsIsTheRootUntilThatHasNoAnswer) {
  auto known = make(true);
  known.learn(first, true);
  EXPECT_TRUE(known.query().empty());
  known.unanswered(false);
  EXPECT_TRUE(known.query().empty()) << "it was silent before it was asked for the root";
  known.unanswered(true);
  EXPECT_TRUE(is(known.query(), first));
  known.learn(second, true);
  EXPECT_TRUE(is(known.query(), second)) << "the root is not asked for again while names are answered";
  known.unanswered(true);
  EXPECT_TRUE(known.query().empty());
}

TEST_F(KnownQuestionTest, OfAServerThatAnsweredNothingIsWhatAnotherOfItsGroupAnswered) {
  auto known = make();
  auto other = make();
  other.learn(first, false);
  EXPECT_TRUE(is(known.query(), first));
  known.learn(second, false);
  EXPECT_TRUE(is(known.query(), second));
  EXPECT_TRUE(is(other.query(), first));
}

TEST_F(KnownQuestionTest, IsInheritedIntoAnotherGroup) {
  auto known = make(true);
  known.learn(first, true);
  known.unanswered(true);
  KnownQuestion heir(std::make_shared<GroupQuestion>(), false);
  heir.inherit(known);
  EXPECT_TRUE(is(heir.query(), first));
  heir.learn(second, true);
  EXPECT_TRUE(is(make().query(), first)) << "its new group is not the old one";
}

class LearningPoolTest : public PoolTest {
 protected:
  /// The pool's first query is answered after `latency`. Returns the question that is known then.
  dns::Buffer learned(runtime::Duration latency = 1ms, std::uint16_t rcode = dns::rcode::noerror) {
    start_ready({});
    submit(queries[0]);
    time.pass(latency);
    connection(0).reply(reply_to(queries[0], queries[0].id, rcode));
    const auto known = connection(0).profile().known_question().query();
    return {known.begin(), known.end()};
  }
};

TEST_F(LearningPoolTest, WhatAServerAnswersQuickly) {
  EXPECT_EQ(learned(), queries[0].message);
}
TEST_F(LearningPoolTest, NotWhatTakesLong) {
  EXPECT_TRUE(learned(501ms).empty());
}
TEST_F(LearningPoolTest, NotWhatIsDenied) {
  EXPECT_TRUE(learned(1ms, dns::rcode::nxdomain).empty());
}
TEST_F(LearningPoolTest, NotWhatIsSigned) {
  queries[0].opaque = true;
  EXPECT_TRUE(learned().empty());
}

}  // namespace
}  // namespace pillion::upstream
