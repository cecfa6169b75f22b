// A query that the cache can answer causes no allocation, from the client's bytes to those of the answer. This program
// counts the calls of operator new.

#include "server/query_handler.hpp"

#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "dns/name.hpp"
#include "support/answers.hpp"
#include "support/dns_client.hpp"
#include "support/parsed_query.hpp"
#include "support/silent_log.hpp"

namespace {
thread_local std::size_t allocations = 0;  // of this thread
std::size_t until_failure = 0;             // the number of allocations until one fails; 0: none fails
}  // namespace

// Not inlined: g++ 12 would warn that free() does not match the operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (until_failure > 0 && --until_failure == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace pillion::server {
namespace {

/// An upstream that answers every question at once, with one address.
class Echo final : public resolve::Group {
 public:
  void start() override {}
  void resolve(const dns::QueryView& query, resolve::Request& request) override {
    ++asked;
    if (failure) return request.answered(*failure);
    if (holds) return held.push_back(&request);
    dns::Buffer reply;
    test::append_answer(*test::parse_query(query.message.bytes()), {}, reply);
    request.answered({.source = resolve::Source::upstream, .message = dns::MessageView::parse(reply).value()});
  }
  void stop() override {}
  [[nodiscard]] bool trim() override { return false; }
  [[nodiscard]] bool is_stopped() const override { return true; }
  [[nodiscard]] bool is_idle() const override { return true; }
  [[nodiscard]] bool is_warm() const override { return true; }
  [[nodiscard]] bool is_down() const override { return false; }
  [[nodiscard]] std::optional<runtime::Time> recovered_at() const override { return std::nullopt; }

  std::size_t asked = 0;
  std::optional<resolve::Answer> failure;  ///< given instead of the address
  bool holds = false;                      ///< True if it answers nothing, and keeps the requests
  std::vector<resolve::Request*> held;
};

/// A client that keeps its answers in one buffer.
class BufferingClient final : public Responder {
 public:
  [[nodiscard]] bool can_take() override { return takes; }
  [[nodiscard]] bool can_hold(std::size_t size) override { return size <= memory; }
  void wait_to_take(ClientQuery& query) override { waiting.push_back(&query); }
  dns::Buffer* begin_answer(ClientQuery& /*query*/) override { return &answers; }
  void end_answer(ClientQuery& /*query*/, std::size_t message_start) override { last = message_start; }
  void abandon_answer(ClientQuery& /*query*/) override { ++abandoned; }
  void forget(ClientQuery& /*query*/) override { ++over; }

  bool takes = true;
  std::size_t memory = 1'000'000;
  std::vector<ClientQuery*> waiting;
  std::size_t abandoned = 0;
  dns::Buffer answers;
  std::size_t last = 0;
  std::size_t over = 0;
};

class QueryHandlerTest : public ::testing::Test {
 protected:
  /// `bytes` are those of the memory for queries.
  explicit QueryHandlerTest(std::size_t bytes = runtime::MemoryShare::unlimited) : memory(division(bytes), 1) {
    client.answers.reserve(64UL * 1024);
  }

  static runtime::MemoryDivision division(std::size_t queries) {
    runtime::MemoryDivision parts{};
    for (const auto use : runtime::enumerators<runtime::MemoryUse>) parts[use] = runtime::MemoryShare::unlimited;
    parts[runtime::MemoryUse::queries] = queries;
    return parts;
  }

  /// The EDNS part of the answer to a query over TCP from this address.
  dns::Edns edns_for(const dns::Buffer& query, const ClientAddress& address) {
    const Sender sender{.transport = Transport::tcp, .address = address, .is_local = is_loopback(address)};
    EXPECT_EQ(handler.handle(query, sender, client), QueryHandler::Outcome::accepted);
    return dns::read_edns(dns::MessageView::parse(dns::Bytes(client.answers).subspan(client.last)).value());
  }

  resolve::Setup setup() {
    resolve::Setup parts;
    auto group = std::make_unique<Echo>();
    echo = group.get();
    parts.groups.push_back(std::make_shared<resolve::UpstreamGroup>(
        resolve::UpstreamGroup{.name = "public", .encrypted = true, .group = std::move(group)}));
    parts.routes.push_back({.zone = dns::parse_name(".").value(), .group = 0});
    parts.cache = cache::Settings{};
    return parts;
  }
  void ask(const dns::Buffer& query) {
    ASSERT_EQ(handler.handle(query, {.transport = Transport::tcp}, client), QueryHandler::Outcome::accepted);
  }
  [[nodiscard]] std::uint64_t answers_from(resolve::Source source) const {
    return metrics.responses[0][source].value();
  }

  pillion::testing::SilentLog log;
  runtime::Loop loop{log};
  Echo* echo = nullptr;
  runtime::MemoryShares memory;
  resolve::Resolver resolver{loop, loop.random(), log, memory, setup()};
  DnsMetrics metrics;
  SharedLimits limits{1};
  ClientAdmission admission{loop, log, {}, 7, metrics};
  QueryHandler handler{loop, config::Dns{}, limits, resolver, admission, memory, metrics};
  BufferingClient client;
};

TEST_F(QueryHandlerTest, AHitAllocatesNothing) {
  const auto first = test::make_query("www.example", dns::type::a, {.id = 1, .edns = true});
  const auto again = test::make_query("WWW.example", dns::type::a, {.id = 2, .edns = true});
  ask(first);
  ask(again);
  ASSERT_EQ(answers_from(resolve::Source::cache), 1U);

  const auto before = allocations;
  for (int i = 0; i < 100; ++i) ask(again);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(answers_from(resolve::Source::cache), 101U);
  EXPECT_EQ(echo->asked, 1U);
  EXPECT_EQ(client.over, 102U) << "every query ends";
  const auto answer = dns::Bytes(client.answers).subspan(client.last);
  EXPECT_EQ(dns::read_u16(answer, 0), 2) << "its own id";
  EXPECT_EQ(answer[dns::header_size + 1], 'W') << "its own letter case";
}

TEST_F(QueryHandlerTest, WhicheverAllocationFailsTheQueryEnds) {
  std::size_t nth = 0;
  for (bool has_failed = true; has_failed;) {
    ++nth;
    const auto query = test::make_query("n" + std::to_string(nth) + ".example", dns::type::a, {.id = 1, .edns = true});
    const auto ended = client.over + client.abandoned;
    until_failure = nth;
    const auto outcome = handler.handle(query, {.transport = Transport::tcp}, client);
    has_failed = until_failure == 0;
    until_failure = 0;
    EXPECT_NE(outcome, QueryHandler::Outcome::invalid) << nth;
    EXPECT_GT(client.over + client.abandoned, ended) << nth;
    EXPECT_EQ(handler.in_flight(), 0U) << nth;
    EXPECT_EQ(limits.queries.taken(), 0U) << nth;
  }
  EXPECT_GT(nth, 5U);
  EXPECT_EQ(loop.internal_errors().count().value(), nth - 1);
}

TEST_F(QueryHandlerTest, ALocalNameAllocatesNothingOnceWarm) {
  const auto query = test::make_query("localhost", dns::type::a, {.id = 1});
  ask(query);
  const auto before = allocations;
  for (int i = 0; i < 100; ++i) ask(query);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(answers_from(resolve::Source::local), 101U);
  EXPECT_EQ(echo->asked, 0U);
}

TEST_F(QueryHandlerTest, AFailureOfOurOwnIsToldFromOneThatIsPassedOn) {
  const auto failures_from = [&](resolve::Source source) {
    return metrics.responses[dns::rcode::servfail][source].value();
  };
  echo->failure = resolve::Answer{.source = resolve::Source::upstream,
                                  .info_code = dns::extended_error::network_error,
                                  .text = "connection refused"};
  ask(test::make_query("unreachable.example", dns::type::a, {.id = 1}));
  EXPECT_EQ(failures_from(resolve::Source::local), 1U);
  EXPECT_EQ(failures_from(resolve::Source::upstream), 0U);
  EXPECT_EQ(metrics.request_duration[resolve::Source::upstream].bucket(0), 1U) << "the time is that of the upstream";

  // The answer after a reply that was too long to keep.
  echo->failure = resolve::Answer{.source = resolve::Source::upstream};
  ask(test::make_query("broken.example", dns::type::a, {.id = 2}));
  EXPECT_EQ(failures_from(resolve::Source::local), 1U);
  EXPECT_EQ(failures_from(resolve::Source::upstream), 1U);
}

TEST_F(QueryHandlerTest, AHitTakesNoPlaceAmongThoseThatWait) {
  ask(test::make_query("www.example", dns::type::a, {.id = 1}));
  ask(test::make_query("www.example", dns::type::a, {.id = 2}));
  EXPECT_EQ(handler.in_flight(), 0U);
}

constexpr ClientAddress ipv4(std::uint8_t first) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, first, 0, 0, 1};
}

TEST_F(QueryHandlerTest, Rfc7830PadsForWhoPadsBeyondThisMachine) {
  auto padded = test::make_query("www.example", dns::type::a, {.id = 1});
  dns::OptWriter(padded, 0, {}).add_padding(128);
  const auto plain = test::make_query("www.example", dns::type::a, {.id = 1, .edns = true});
  const ClientAddress ipv6_loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const ClientAddress ipv6{0x20, 1, 0xD, 0xB8};
  for (const auto& address : {ipv4(10), ipv4(192), ipv6}) {
    EXPECT_TRUE(dns::find_option(edns_for(padded, address).options, dns::option::padding));
    EXPECT_EQ((client.answers.size() - client.last) % 468, 0U);
    EXPECT_FALSE(dns::find_option(edns_for(plain, address).options, dns::option::padding));
  }
  for (const auto& address : {ipv4(127), ipv6_loopback})
    EXPECT_FALSE(dns::find_option(edns_for(padded, address).options, dns::option::padding));
}

TEST_F(QueryHandlerTest, AnAnswerForWhichThereIsNoMemoryIsARefusal) {
  ask(test::make_query("www.example", dns::type::a, {.id = 1}));
  client.memory = 0;
  ask(test::make_query("www.example", dns::type::a, {.id = 2, .edns = true}));
  const auto view = dns::MessageView::parse(dns::Bytes(client.answers).subspan(client.last)).value();
  EXPECT_EQ(view.header().rcode(), dns::rcode::refused);
  EXPECT_EQ(view.header().answers(), 0);
  EXPECT_TRUE(dns::find_option(dns::read_edns(view).options, dns::option::extended_error));
  EXPECT_EQ(metrics.refused[Refusal::memory_limit].value(), 1U);
}

TEST_F(QueryHandlerTest, AnAnswerThatTheClientCannotTakeYetIsKeptForIt) {
  client.takes = false;
  ask(test::make_query("www.example", dns::type::a, {.id = 7}));
  ASSERT_EQ(client.waiting.size(), 1U);
  EXPECT_TRUE(client.answers.empty());
  EXPECT_EQ(handler.in_flight(), 1U);
  EXPECT_GT(memory.output.used(), 0U);
  handler.deliver(*client.waiting.front());
  const auto view = dns::MessageView::parse(client.answers).value();
  EXPECT_EQ(view.header().id(), 7);
  EXPECT_EQ(view.header().rcode(), dns::rcode::noerror);
  EXPECT_EQ(handler.in_flight(), 0U);
  EXPECT_EQ(memory.output.used(), 0U);
}

/// A query with a TSIG record and `padding` bytes of EDNS padding. Its MAC is empty, since nobody checks it here.
dns::Buffer signed_query(const std::string& name, std::size_t padding) {
  auto query = test::make_query(name, dns::type::a, {.id = 1, .edns = true, .padding = padding});
  query.push_back(0);  // the root as the name of the key
  dns::append_u16(query, dns::type::tsig);
  constexpr std::uint16_t any_class = 255;
  dns::append_u16(query, any_class);
  dns::append_u32(query, 0);
  constexpr std::uint16_t rdata_size = 17;  // of the root as the algorithm, and of fixed fields that are zero
  dns::append_u16(query, rdata_size);
  query.insert(query.end(), rdata_size, 0);
  dns::write_u16(query, 10, 2);
  return query;
}

class QueryMemoryTest : public QueryHandlerTest {
 protected:
  QueryMemoryTest() : QueryHandlerTest(std::size_t{4} << 20U) { echo->holds = true; }

  /// True if the query waits for the upstream.
  bool is_accepted(const dns::Buffer& query, std::uint8_t address) {
    const auto before = handler.in_flight();
    const Sender sender{.transport = Transport::tcp, .address = ipv4(address), .is_local = false};
    EXPECT_EQ(handler.handle(query, sender, client), QueryHandler::Outcome::accepted);
    return handler.in_flight() > before;
  }
};

TEST_F(QueryMemoryTest, LargeSignedQueriesOfOneAddressLeaveMemoryForOthers) {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  // Smaller and smaller ones, which fill the memory to its last bytes if they may.
  for (const std::size_t padding : {60'000U, 10'000U, 2000U, 300U, 1U}) {
    for (int i = 0; i < 400; ++i) {
      const auto name = "q" + std::to_string(i) + "-" + std::to_string(padding) + ".example";
      ++(is_accepted(signed_query(name, padding), 10) ? accepted : refused);
    }
  }
  EXPECT_GT(accepted, 10U);
  EXPECT_GT(refused, 0U);
  EXPECT_EQ(metrics.refused[Refusal::memory_limit].value(), refused);
  for (int i = 0; i < 50; ++i) {
    const auto name = "other" + std::to_string(i) + ".example";
    EXPECT_TRUE(is_accepted(test::make_query(name, dns::type::a, {.id = 1}), 11)) << i;
  }
  EXPECT_TRUE(is_accepted(signed_query("signed.example", 10'000), 12));
}

TEST_F(QueryMemoryTest, WhatAnAddressHeldIsGivenBackWithItsAnswers) {
  std::size_t first = 0;
  while (is_accepted(signed_query("n" + std::to_string(first) + ".example", 10'000), 10)) ++first;
  EXPECT_GT(first, 5U);
  for (auto* const request : std::exchange(echo->held, {})) request->answered({.rcode = dns::rcode::servfail});
  EXPECT_EQ(admission.table().find(ipv4(10))->query_bytes, 0U);
  std::size_t again = 0;
  while (is_accepted(signed_query("m" + std::to_string(again) + ".example", 10'000), 10)) ++again;
  EXPECT_EQ(again, first);
}

TEST_F(QueryHandlerTest, ARefusalForLackOfRoomIsCountedWhereverItComesFrom) {
  echo->failure = resolve::refusal(resolve::Shortage::memory, "no memory for the query");
  ask(test::make_query("one.example", dns::type::a, {.id = 1}));
  ask(signed_query("two.example", 1));
  EXPECT_EQ(metrics.refused[Refusal::memory_limit].value(), 2U);
  echo->failure = resolve::refusal(resolve::Shortage::places, "too many queries under way");
  ask(test::make_query("three.example", dns::type::a, {.id = 1}));
  EXPECT_EQ(metrics.refused[Refusal::in_flight_limit].value(), 1U);
  // What a server refuses is not for lack of our room.
  echo->failure = resolve::Answer{.source = resolve::Source::upstream, .rcode = dns::rcode::refused};
  ask(test::make_query("four.example", dns::type::a, {.id = 1}));
  EXPECT_EQ(metrics.refused[Refusal::memory_limit].value() + metrics.refused[Refusal::in_flight_limit].value(), 3U);
  EXPECT_EQ(admission.table().find({})->facts.refused, 3U);
}

/// Keeps the events.
class Told final : public QueryObserver, public AnswerObserver {
 public:
  struct Answer {
    QueryOrigin origin;
    std::uint16_t id;
    std::uint16_t rcode;
    resolve::Source source;
    dns::Buffer message;
    std::optional<std::uint16_t> info_code;
    std::string text;
  };
  void received(const ReceivedQuery& query) override {
    queries.emplace_back(query.message.begin(), query.message.end());
  }
  bool takes_next() override {
    ++asked;
    return is_taking;
  }
  void answered(const AnsweredQuery& query) override {
    const auto details = query.details == nullptr ? AnswerDetails{} : *query.details;
    answers.push_back({.origin = query.origin,
                       .id = query.query.message.header().id(),
                       .rcode = query.rcode,
                       .source = query.source,
                       .message = dns::Buffer(query.message.begin(), query.message.end()),
                       .info_code = details.info_code,
                       .text = std::string(details.text)});
  }

  std::vector<dns::Buffer> queries;
  std::vector<Answer> answers;
  bool is_taking = true;
  int asked = 0;
};

TEST_F(QueryHandlerTest, AnObserverIsToldOfEachQueryAndItsAnswer) {
  Told told;
  handler.observe_queries(told);
  handler.observe_answers(told);
  const Sender sender{.transport = Transport::tcp,
                      .family = IpFamily::ipv6,
                      .address = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7},
                      .port = 4711};
  const auto first = test::make_query("www.example", dns::type::a, {.id = 1, .edns = true});
  const auto again = test::make_query("www.example", dns::type::a, {.id = 2, .edns = true});
  const auto transfer = test::make_query("example", dns::type::axfr, {.id = 3, .edns = true});
  for (const auto& query : {first, again, transfer})
    ASSERT_EQ(handler.handle(query, sender, client), QueryHandler::Outcome::accepted);

  EXPECT_EQ(told.queries, (std::vector<dns::Buffer>{first, again, transfer}));
  ASSERT_EQ(told.answers.size(), 3U);
  for (std::uint16_t i = 0; i < 3; ++i) {
    EXPECT_EQ(told.answers[i].id, i + 1);
    EXPECT_EQ(told.answers[i].origin.address, sender.address);
    EXPECT_EQ(told.answers[i].origin.port, 4711);
    EXPECT_EQ(told.answers[i].origin.transport, Transport::tcp);
    EXPECT_EQ(told.answers[i].origin.family, IpFamily::ipv6);
    // The answer as sent.
    EXPECT_TRUE(std::ranges::search(client.answers, told.answers[i].message).begin() != client.answers.end());
    EXPECT_EQ(dns::read_u16(told.answers[i].message, 0), i + 1);
  }
  EXPECT_EQ(told.answers[0].source, resolve::Source::upstream);
  EXPECT_EQ(told.answers[1].source, resolve::Source::cache);
  EXPECT_EQ(told.answers[2].source, resolve::Source::local);
  EXPECT_EQ(told.answers[2].rcode, dns::rcode::refused);
  EXPECT_EQ(told.answers[2].info_code, dns::extended_error::not_supported);
  EXPECT_EQ(told.answers[2].text, "zone transfers are not supported");
}

TEST_F(QueryHandlerTest, AnObserverThatDoesNotTakeAnAnswerIsNotToldOfIt) {
  Told told;
  Told other;
  told.is_taking = false;
  handler.observe_answers(told);
  handler.observe_answers(other);
  const auto query = test::make_query("www.example", dns::type::a, {.id = 1});
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(handler.handle(query, {.transport = Transport::tcp}, client), QueryHandler::Outcome::accepted);
  EXPECT_EQ(told.asked, 2);
  EXPECT_TRUE(told.answers.empty());
  EXPECT_EQ(other.answers.size(), 2U);
}

TEST_F(QueryHandlerTest, AnObserverIsNotToldOfWhatIsNoQuery) {
  Told told;
  handler.observe_queries(told);
  handler.observe_answers(told);
  const dns::Buffer rubbish(5, 0);
  ASSERT_EQ(handler.handle(rubbish, {.transport = Transport::tcp}, client), QueryHandler::Outcome::invalid);
  EXPECT_TRUE(told.queries.empty());
  EXPECT_TRUE(told.answers.empty());
}

}  // namespace
}  // namespace pillion::server
