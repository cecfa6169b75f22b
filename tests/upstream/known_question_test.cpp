#include "upstream/known_question.hpp"

#include <gtest/gtest.h>

#include "upstream/pool_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::PoolTest;
using testing::reply_to;
using testing::TestQuery;

bool is(dns::Bytes bytes, const dns::Buffer& expected) {
  return std::ranges::equal(bytes, expected);
}

TEST(KnownQuestion, IsTheNewestButForOneThatWasAnsweredWithAuthority) {
  const dns::Buffer first{1};
  const dns::Buffer second{2};
  KnownQuestion known;
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

TEST(KnownQuestion, TakesTurnsWithTheRootWhileNeitherIsAnswered) {
  const dns::Buffer query{1};
  KnownQuestion known;
  known.learn(query, true);
  known.unanswered();
  EXPECT_TRUE(known.query().empty());
  known.unanswered();
  EXPECT_TRUE(is(known.query(), query));
  known.unanswered();
  known.learn(query, true);
  EXPECT_TRUE(is(known.query(), query));
}

class LearningPoolTest : public PoolTest {
 protected:
  /// The pool's first query is answered after so long; what is known then.
  dns::Buffer learned(bool encrypted, runtime::Duration latency = 1ms, std::uint16_t rcode = dns::rcode::noerror) {
    start_ready({.encrypted = encrypted});
    submit(queries[0]);
    time.pass(latency);
    connection(0).reply(reply_to(queries[0], queries[0].id, rcode));
    const auto known = connection(0).profile().known_question().query();
    return {known.begin(), known.end()};
  }
};

TEST_F(LearningPoolTest, OfAServerInTheClearWhatItAnswersQuickly) {
  EXPECT_EQ(learned(false), queries[0].message);
}
TEST_F(LearningPoolTest, OfAServerOverTlsNothing) {
  EXPECT_TRUE(learned(true).empty());
}
TEST_F(LearningPoolTest, NotWhatTakesLong) {
  EXPECT_TRUE(learned(false, 501ms).empty());
}
TEST_F(LearningPoolTest, NotWhatIsDenied) {
  EXPECT_TRUE(learned(false, 1ms, dns::rcode::nxdomain).empty());
}
TEST_F(LearningPoolTest, NotWhatIsSigned) {
  queries[0].opaque = true;
  EXPECT_TRUE(learned(false).empty());
}

}  // namespace
}  // namespace pillion::upstream
