// What scenarios do not reach of search walks: limits. The rest is in tests/scenarios/search.txt.

#include "resolve/search_walk.hpp"

#include <gtest/gtest.h>

#include "resolve/fakes.hpp"
#include "resolve/resolver.hpp"

namespace pillion::resolve {
namespace {

using dns::testing::MessageBuilder;
using dns::testing::name_of;
using dns::testing::pointer_to;
using dns::testing::Section;
using testing::Asker;
using testing::HandTurned;
using testing::HoldingGroup;
using testing::TestQuery;

class NoLog final : public runtime::Log {
 public:
  NoLog() : Log(runtime::LogLevel::error) {}

 private:
  void write(runtime::LogLevel, std::string_view, std::span<const runtime::Field>) override {}
};

class SearchWalkTest : public ::testing::Test {
 protected:
  SearchWalkTest() {
    auto owned = std::make_unique<HoldingGroup>();
    group = owned.get();
    resolve::Setup setup;
    setup.groups.push_back({.name = "public", .encrypted = true, .group = std::move(owned)});
    setup.routes.push_back({.zone = {0}, .group = 0});
    setup.search.emplace(std::vector<dns::Buffer>{name_of("corp.example")}, 2U);
    resolver.emplace(schedule, random, log, std::move(setup));
  }
  void ask(const std::string& name, Request& request) {
    const TestQuery query(name);
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
  NoLog log;
  HoldingGroup* group = nullptr;
  std::optional<Resolver> resolver;
};

TEST_F(SearchWalkTest, BeyondTheLimitClientsWalkByThemselves) {
  std::deque<Asker> askers;
  for (std::size_t i = 0; i < SearchWalk::max_walks; ++i) {
    ask("n" + std::to_string(i) + ".org.corp.example", askers.emplace_back());
  }
  ASSERT_EQ(group->asked.size(), 2 * SearchWalk::max_walks);
  Asker late;
  ask("late.org.corp.example", late);
  ASSERT_EQ(group->asked.size(), 2 * SearchWalk::max_walks + 1) << "the first step alone";
  EXPECT_EQ(group->asked.back().name, "late.org.corp.example.");

  while (group->asked.size() > 1) deny();
  for (const auto& asker : askers) ASSERT_EQ(asker.answers, 1);
  deny();
  EXPECT_EQ(late.answers, 1);
  EXPECT_EQ(late.rcode, dns::rcode::nxdomain);

  // Their places are free again.
  Asker next;
  ask("next.org.corp.example", next);
  EXPECT_EQ(group->asked.size(), 2U);
}

TEST_F(SearchWalkTest, AnAnswerThatCannotBecomeAnAliasLeavesTheWalkToTheClient) {
  Asker asker;
  ask("web.org.corp.example", asker);
  deny();
  // RFC 1035 4.1.4: the last owner points as far as 14 bits reach; behind a CNAME its target would be further.
  MessageBuilder message(dns::flag::qr | dns::flag::rd | dns::flag::ra);
  message.question("web.org").record(Section::answer, {0}, dns::type::txt, dns::Buffer(0x3FFF - 60, 0));
  const auto far = message.size();
  message.record(Section::answer, name_of("far.example"), dns::type::a, {192, 0, 2, 1});
  message.record(Section::answer, pointer_to(far), dns::type::a, {192, 0, 2, 1});
  group->answer(message.bytes());
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::nxdomain);
  EXPECT_EQ(asker.records, 0);
}

}  // namespace
}  // namespace pillion::resolve
