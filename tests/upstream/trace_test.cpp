#include "upstream/trace.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "support/hand_turned.hpp"
#include "upstream/policy.hpp"
#include "upstream/trace_text.hpp"
#include "upstream/tracer.hpp"

namespace pillion::upstream::trace {
namespace {

using namespace std::chrono_literals;

using pillion::testing::start_time;

/// An event of each kind, without values.
template <std::size_t... Index>
std::vector<What> every_kind(std::index_sequence<Index...> /*of*/) {
  return {What(std::in_place_index<Index>)...};
}

class Recorder final : public Tracer {
 public:
  void note(const What& what, std::string_view step) override { trace.add(start_time + 5ms, what, step); }
  void lost() noexcept override { trace.lose(); }
  Trace trace{start_time};
};

TEST(TraceTest, EventsHaveTheirTimeAndStep) {
  Trace trace(start_time);
  trace.add(start_time + 1204us, SentAgain{.server = "192.0.2.53:53"}, {});
  trace.add(start_time + 2s, LoopFound{}, "www.example.");
  ASSERT_EQ(trace.events().size(), 2U);
  EXPECT_EQ(line_of(trace.events()[0]),
            "    1.204 ms  no answer from 192.0.2.53:53 yet: sends the query again, since a datagram may be lost");
  EXPECT_EQ(
      line_of(trace.events()[1]),
      " 2000.000 ms  [www.example.] forwarding loop: an upstream has sent this question of Pillion back to Pillion");
}

TEST(TraceTest, EventsAreBoundedAndWhatIsLostIsCounted) {
  Trace trace(start_time);
  for (std::size_t i = 0; i < Trace::max_events + 3; ++i) trace.add(start_time, Withheld{}, {});
  EXPECT_EQ(trace.events().size(), Trace::max_events);
  EXPECT_EQ(trace.lost(), 3U);
}

TEST(TraceTest, NobodyIsToldWhereNobodyTraces) {
  bool was_made = false;
  note(untraced, [&] {
    was_made = true;
    return Withheld{};
  });
  EXPECT_FALSE(was_made);
}

TEST(TraceTest, WantOfMemoryLosesOneEventAndNoMore) {
  Recorder recorder;
  const Link link{.tracer = &recorder};
  note(link, []() -> Withheld { throw std::bad_alloc(); });
  note(link, [] { return Withheld{}; });
  EXPECT_EQ(recorder.trace.lost(), 1U);
  EXPECT_EQ(recorder.trace.events().size(), 1U);
}

TEST(TraceTest, EveryKindHasAWordOfItsOwnAndALine) {
  std::set<std::string_view> kinds;
  for (const auto& what : every_kind(std::make_index_sequence<std::variant_size_v<What>>())) {
    kinds.insert(kind_of(what));
    EXPECT_FALSE(line_of(what).empty());
    std::set<std::string_view> keys = {"at_ms", "event", "text", "step"};
    for (const auto& field : fields_of(what)) EXPECT_TRUE(keys.insert(field.key).second) << field.key;
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<What>);
}

TEST(TraceTest, ASentQueryTellsItsConnection) {
  const Sent sent{.server = "1.1.1.1:853",
                  .protocol = "tls",
                  .sent_before = 7,
                  .in_flight = 2,
                  .age = 90s,
                  .tls = TlsSession{.version = "TLSv1.3",
                                    .group = "X25519MLKEM768",
                                    .cipher = "TLS_AES_256_GCM_SHA384",
                                    .verified_name = "cloudflare-dns.com",
                                    .resumed = true,
                                    .handshake = 12ms}};
  EXPECT_EQ(line_of(sent),
            "sent to 1.1.1.1:853 by tls on a connection of 90 s, after 7 queries, 2 in flight, TLSv1.3 "
            "X25519MLKEM768 TLS_AES_256_GCM_SHA384, verified cloudflare-dns.com, resumed in 12 ms");
  const auto fields = fields_of(sent);
  const auto value_of = [&](std::string_view key) { return std::ranges::find(fields, key, &TraceField::key)->value; };
  EXPECT_EQ(std::get<bool>(value_of("reused")), true);
  EXPECT_EQ(std::get<std::string>(value_of("tls_verified_name")), "cloudflare-dns.com");
  EXPECT_EQ(std::get<double>(value_of("tls_handshake_ms")), 12);
}

class PolicyReasons : public ::testing::Test {
 protected:
  /// The part of the text about the choice.
  [[nodiscard]] Why choose(config::PolicyKind kind, double random, ServerSet tried = 0) {
    Policy policy(kind, [random] { return random; });
    const std::array<const Health*, 3> servers = {&health_[0], &health_[1], &health_[2]};
    chosen_ = policy.choose(servers, tried).value();
    return policy.explain(servers, tried, chosen_);
  }

  std::array<Health, 3> health_;
  std::size_t chosen_ = 0;
};

TEST_F(PolicyReasons, OfEachPolicy) {
  EXPECT_EQ(choose(config::PolicyKind::fastest, 0.5), Why::unmeasured);
  health_[1].replied(10ms);
  health_[2].replied(5ms);
  EXPECT_EQ(choose(config::PolicyKind::fastest, 0.5), Why::lowest_latency);
  EXPECT_EQ(chosen_, 2U);
  EXPECT_EQ(choose(config::PolicyKind::fastest, 0.01), Why::exploration);
  EXPECT_NE(chosen_, 2U);
  EXPECT_EQ(choose(config::PolicyKind::sequential, 0.5), Why::in_order);
  EXPECT_EQ(choose(config::PolicyKind::round_robin, 0.5), Why::in_turn);
  EXPECT_EQ(choose(config::PolicyKind::random, 0.5), Why::by_chance);
}

TEST_F(PolicyReasons, OfWhatIsLeft) {
  EXPECT_EQ(choose(config::PolicyKind::fastest, 0.5, 0b011), Why::only_one);
  health_[0].set_silent(true);
  health_[1].set_silent(true);
  EXPECT_EQ(choose(config::PolicyKind::fastest, 0.5), Why::only_one);
  for (auto& each : health_) each.failed(Error::connect_refused, start_time, 0);
  EXPECT_EQ(choose(config::PolicyKind::fastest, 0.5), Why::soonest_back);
}

}  // namespace
}  // namespace pillion::upstream::trace
