#pragma once
// A pool over a FakeServer, with time turned by hand.

#include <algorithm>
#include <deque>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upstream/fake_connection.hpp"

namespace pillion::upstream::testing {

using Sent = std::vector<Query*>;

/// Keeps the lines of level info and above.
class PoolLog final : public runtime::Log {
 public:
  PoolLog() : Log(runtime::LogLevel::info) {}
  [[nodiscard]] auto count(std::string_view line) const { return std::ranges::count(lines, line); }

  std::vector<std::string> lines;

 private:
  void write(runtime::LogLevel, std::string_view message, std::span<const runtime::Field>) override {
    lines.emplace_back(message);
  }
};

class PoolTest : public ::testing::Test {
 protected:
  Pool& start(const PoolSettings& settings = {}) {
    pool.emplace(PoolContext{.schedule = time, .log = log, .random = [this] { return random; }},
                 ServerReport(log, metrics, "public", "192.0.2.1:853", true), ServerProfile(edns), settings,
                 server.maker());
    pool->start();
    return *pool;
  }
  /// A pool whose first connection is ready.
  Pool& start_ready(const PoolSettings& settings = {}) {
    start(settings);
    connection(0).become_ready();
    return *pool;
  }
  /// A pool whose first connection has brought an answer.
  Pool& start_proven(const PoolSettings& settings = {}) {
    start_ready(settings);
    TestQuery first;
    submit(first);
    connection(0).answer(first);
    connection(0).sent.clear();
    return *pool;
  }
  FakeConnection& connection(std::size_t i) { return *server.connections.at(i); }
  FakeConnection& newest() { return *server.connections.back(); }
  std::optional<Error> submit(Query& query) { return pool->submit(query, now()); }
  void submit_all(std::size_t first, std::size_t end) {
    for (auto i = first; i < end; ++i) EXPECT_EQ(submit(queries[i]), std::nullopt);
  }
  [[nodiscard]] runtime::Time now() { return time.clock().now(); }
  [[nodiscard]] const ServerProfile& profile() const { return pool->profile(); }
  [[nodiscard]] const Health& health() const { return profile().health(); }
  [[nodiscard]] std::uint64_t failures(Error error) const { return metrics.failures[error].value(); }
  [[nodiscard]] std::uint64_t all_failures() const {
    std::uint64_t sum = 0;
    for (const auto& counter : metrics.failures) sum += counter.value();
    return sum;
  }
  [[nodiscard]] double connections(ConnectionLabel state) const { return metrics.connections[state].value(); }
  [[nodiscard]] std::size_t opening() const {
    return static_cast<std::size_t>(std::ranges::count_if(server.connections, is_on_its_way));
  }
  static bool is_on_its_way(const FakeConnection* connection) { return is_opening(connection->state()); }
  /// Makes every connecting connection ready, including those that are opened meanwhile.
  void open_all() {
    while (opening() > 0) (*std::ranges::find_if(server.connections, is_on_its_way))->become_ready();
  }
  /// The server answers `answers` queries on a new connection and closes it, `times` times.
  void close_after(std::size_t answers, int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_EQ(server.connections.size(), 1U);
      if (is_opening(connection(0).state())) connection(0).become_ready();
      std::deque<TestQuery> asked(answers);
      for (auto& query : asked) submit(query);
      for (auto& query : asked) connection(0).answer(query);
      connection(0).close_by_server();
      server.turn();
    }
  }

  double random = 0.5;
  PoolLog log;
  pillion::testing::HandTurned time;
  FakeServer server{time};
  ServerMetrics metrics;
  std::shared_ptr<EdnsSupport> edns = std::make_shared<EdnsSupport>();
  std::deque<TestQuery> queries{20};
  std::optional<Pool> pool;
};

}  // namespace pillion::upstream::testing
