// Limits of search walks, which scenarios cannot test. tests/scenarios/search.txt has all other tests.

#include "resolve/search_walk.hpp"

#include <gtest/gtest.h>

#include "resolve/fakes.hpp"
#include "resolve/resolver.hpp"
#include "support/silent_log.hpp"

namespace pillion::resolve {
namespace {

using dns::testing::MessageBuilder;
using dns::testing::name_of;
using dns::testing::Section;
using testing::Asker;
using testing::BuiltQuery;
using testing::HandTurned;
using testing::HoldingGroup;

class SearchWalkTest : public ::testing::Test {
 protected:
  SearchWalkTest() {
    auto owned = std::make_unique<HoldingGroup>();
    group = owned.get();
    resolve::Setup setup;
    setup.groups.push_back(std::make_shared<resolve::UpstreamGroup>(
        resolve::UpstreamGroup{.name = "public", .encrypted = true, .group = std::move(owned)}));
    setup.routes.push_back({.zone = {0}, .group = 0});
    setup.search.emplace(std::vector<dns::Buffer>{name_of("corp.example")}, 2U);
    resolver.emplace(schedule, random, log, memory, std::move(setup));
  }
  void ask(const std::string& name, Request& request) {
    const BuiltQuery query(name);
    const auto view = query.view();
    const auto found = resolver->look(view);
    ASSERT_FALSE(found.answer);
    resolver->ask(view, found.miss, request);
  }
  /// NXDOMAIN to the oldest question.
  void deny() {
    MessageBuilder message(dns::flag::qr | dns::flag::rd | dns::flag::ra | dns::rcode::nxdomain);
    group->answer(message.question(group->asked.front().name).bytes());
  }

  HandTurned schedule;
  runtime::Random random;
  pillion::testing::SilentLog log;
  HoldingGroup* group = nullptr;
  runtime::MemoryShares memory;
  std::optional<Resolver> resolver;
};

TEST_F(SearchWalkTest, BeyondTheLimitClientsWalkByThemselves) {
  std::deque<Asker> askers;
  for (std::size_t i = 0; i < SearchWalk::max_walks; ++i) {
    ask("n" + std::to_string(i) + ".org.corp.example", askers.emplace_back());
  }
  // Each walk asks its first step, and all of them share one guard.
  ASSERT_EQ(group->asked.size(), SearchWalk::max_walks + 1);
  Asker late;
  ask("late.org.corp.example", late);
  ASSERT_EQ(group->asked.size(), SearchWalk::max_walks + 2) << "the first step alone";
  EXPECT_EQ(group->asked.back().name, "late.org.corp.example.");

  std::size_t denied = 0;
  for (; !group->asked.empty(); ++denied) deny();
  EXPECT_EQ(denied, 2 * SearchWalk::max_walks + 2) << "and each its name as it stands";
  for (const auto& asker : askers) ASSERT_EQ(asker.answers, 1);
  EXPECT_EQ(late.answers, 1);
  EXPECT_EQ(late.rcode, dns::rcode::nxdomain);

  // The places of these walks are free again.
  Asker next;
  ask("next.org.corp.example", next);
  EXPECT_EQ(group->asked.size(), 2U);
}

TEST_F(SearchWalkTest, AnAnswerThatCannotBecomeAnAliasLeavesTheWalkToTheClient) {
  Asker asker;
  ask("web.org.corp.example", asker);
  deny();
  deny();
  ASSERT_EQ(group->asked.front().name, "web.org.");
  // With a CNAME before it, it would be longer than a message can be.
  MessageBuilder message(dns::flag::qr | dns::flag::rd | dns::flag::ra);
  message.question("web.org");
  message.record(Section::answer, {0}, 65'280, dns::Buffer(dns::max_message_size - message.size() - 11));
  ASSERT_EQ(message.size(), dns::max_message_size);
  group->answer(message.bytes());
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::nxdomain);
  EXPECT_EQ(asker.records, 0);
}

}  // namespace
}  // namespace pillion::resolve
