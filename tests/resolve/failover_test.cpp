#include "resolve/failover.hpp"

#include <deque>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "dns/response.hpp"
#include "upstream/fake_connection.hpp"

namespace pillion::resolve {
namespace {

using namespace std::chrono_literals;
using upstream::Error;
using upstream::testing::FakeConnection;
using upstream::testing::FakeServer;
using upstream::testing::run_until;
using upstream::testing::SilentLog;
using upstream::testing::turn;

class Asker final : public Request {
 public:
  void answered(const Answer& answer) override {
    ++answers;
    rcode = answer.rcode;
    info_code = answer.info_code;
    text = answer.text;
    if (answer.message) message.emplace(answer.message->bytes().begin(), answer.message->bytes().end());
  }

  int answers = 0;
  std::uint16_t rcode = 0;
  std::optional<std::uint16_t> info_code;
  std::string text;
  std::optional<dns::Buffer> message;
};

/// A group of servers "server 0", "server 1", … that are asked in this order, over connections without sockets.
class FailoverTest : public ::testing::Test {
 protected:
  void start(std::size_t count, std::chrono::milliseconds timeout = 4s,
             config::Protocol protocol = config::Protocol::tls) {
    config::Upstream settings;
    settings.protocol = protocol;
    settings.policy = config::Policy::sequential;
    settings.timeout = timeout;
    settings.servers.resize(count);
    std::vector<GroupServer> group;
    for (std::size_t i = 0; i < count; ++i) {
      group.push_back({.pool = make_pool(servers.emplace_back(loop), i), .tcp = nullptr});
      if (protocol == config::Protocol::udp) group.back().tcp = make_pool(tcp_servers.emplace_back(loop), i);
    }
    failover.emplace(loop, settings, std::move(group));
    failover->start();
  }
  std::unique_ptr<upstream::Pool> make_pool(FakeServer& server, std::size_t i) {
    auto pool = std::make_unique<upstream::Pool>(loop, "public", "server " + std::to_string(i), metrics.emplace_back(),
                                                 upstream::PoolSettings{}, server.maker());
    pools.push_back(pool.get());
    return pool;
  }
  FakeConnection& connection(std::size_t server) { return *servers.at(server).connections.at(0); }
  void resolve(Request& request, std::uint16_t flags = dns::flag::rd) {
    dns::Buffer query;
    dns::append_query(query, 0x1234, flags, dns::parse_name("www.example").value(), dns::type::a, dns::klass::in);
    failover->resolve(dns::parse_query(query, {}).value(), request);
  }
  static void answer_last(FakeConnection& connection, std::uint16_t rcode = dns::rcode::noerror) {
    const auto& query = *connection.sent.back();
    connection.reply(upstream::testing::reply_to(query, query.id, rcode));
  }

  SilentLog log;
  runtime::Loop loop{log};
  std::deque<FakeServer> servers;
  std::deque<FakeServer> tcp_servers;
  std::deque<upstream::ServerMetrics> metrics;
  std::vector<const upstream::Pool*> pools;  // of the servers, with UDP their TCP pools between them
  std::optional<Failover> failover;
  Asker asker;
};

TEST_F(FailoverTest, AnswersFromTheFirstServer) {
  start(2);
  connection(0).become_ready();
  resolve(asker);
  ASSERT_EQ(connection(0).sent.size(), 1U);
  EXPECT_TRUE(connection(1).sent.empty());
  answer_last(connection(0), dns::rcode::nxdomain);
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::nxdomain);
  EXPECT_TRUE(asker.message);
}

TEST_F(FailoverTest, SendsTheQuestionAndItsFlagsOnly) {
  start(1);
  connection(0).become_ready();
  resolve(asker, dns::flag::rd | dns::flag::cd | dns::flag::ad | dns::flag::ra | dns::flag::aa | dns::flag::tc);
  const auto header = dns::Header::of(connection(0).sent.at(0)->message).value();
  EXPECT_EQ(header.flags(), dns::flag::rd | dns::flag::cd | dns::flag::ad);
  EXPECT_EQ(header.additionals(), 0);
}

TEST_F(FailoverTest, AFailureGoesToTheNextServerAtOnce) {
  start(3);
  for (std::size_t i = 0; i < 3; ++i) connection(i).become_ready();
  resolve(asker);
  connection(0).end(Error::reset);
  ASSERT_EQ(connection(1).sent.size(), 1U);
  connection(1).end(Error::stalled);
  ASSERT_EQ(connection(2).sent.size(), 1U);
  answer_last(connection(2));
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(FailoverTest, ARefusalMakesNoServerTheFastest) {
  start(2);
  for (std::size_t i = 0; i < 2; ++i) connection(i).become_ready();
  resolve(asker);
  answer_last(connection(0), dns::rcode::servfail);
  EXPECT_EQ(asker.answers, 0);
  answer_last(connection(1));
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_FALSE(pools.at(0)->health().latency());
  EXPECT_TRUE(pools.at(0)->health().is_up());
  EXPECT_TRUE(pools.at(1)->health().latency());
}

TEST_F(FailoverTest, WhereNobodyCanBeAskedTheReasonIsTold) {
  start(2);
  connection(0).end(Error::certificate_name);
  connection(1).end(Error::certificate_expired);
  resolve(asker);
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.info_code, dns::extended_error::network_error);
  EXPECT_NE(asker.text.find(" at server "), std::string::npos) << asker.text;
  EXPECT_EQ(asker.text.find("certificate"), 0U) << asker.text;
}

TEST_F(FailoverTest, TheBudgetEndsTheQuery) {
  start(1, 100ms);
  connection(0).become_ready();
  resolve(asker);
  const auto& sent = *connection(0).sent.at(0);
  const auto late = upstream::testing::reply_to(sent, sent.id);
  ASSERT_TRUE(run_until(loop, [&] { return asker.answers > 0; }));
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.info_code, dns::extended_error::no_reachable_authority);
  EXPECT_EQ(asker.text, "no answer in time at server 0");
  EXPECT_EQ(connection(0).waited_for(), 0U);
  EXPECT_EQ(connection(0).in_flight(), 1U) << "its id stays taken";
  connection(0).reply(late);
  EXPECT_EQ(connection(0).in_flight(), 0U);
  EXPECT_EQ(asker.answers, 1);
}

TEST_F(FailoverTest, AServerThatIsSilentHasOnlyItsShareOfTheBudget) {
  start(2, 200ms);
  connection(0).become_ready();
  connection(1).become_ready();
  resolve(asker);
  ASSERT_TRUE(run_until(loop, [&] { return !connection(1).sent.empty(); }));
  EXPECT_EQ(asker.answers, 0);
  answer_last(connection(1));
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_EQ(asker.answers, 1);
}

TEST_F(FailoverTest, AQueryThatWaitsForAConnectionEndsWithTheReasonForIt) {
  start(1, 100ms);
  connection(0).end(Error::connect_refused);
  resolve(asker);
  EXPECT_EQ(asker.answers, 0) << "it may only be restarting";
  ASSERT_TRUE(run_until(loop, [&] { return asker.answers > 0; }));
  EXPECT_EQ(asker.text, "connection refused at server 0");
}

TEST_F(FailoverTest, ComesBackToAServerThatIsRestarted) {
  start(1);
  connection(0).become_ready();
  resolve(asker);
  connection(0).end(Error::reset);
  EXPECT_EQ(asker.answers, 0);
  ASSERT_TRUE(run_until(loop, [&] { return servers[0].made == 2 && servers[0].connections.size() == 1; }));
  connection(0).become_ready();
  ASSERT_EQ(connection(0).sent.size(), 1U);
  answer_last(connection(0));
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(FailoverTest, MoreQueriesThanMayWaitAreToldSo) {
  start(1);
  std::deque<Asker> askers(Failover::max_exchanges);
  for (auto& one : askers) resolve(one);
  const auto waiting = std::ranges::count(askers, 0, &Asker::answers);
  EXPECT_EQ(static_cast<std::size_t>(waiting), upstream::PoolSettings{}.max_waiting);
  EXPECT_EQ(askers.back().rcode, dns::rcode::servfail);
  EXPECT_EQ(askers.back().text, "too many queries in flight at server 0");
}

TEST_F(FailoverTest, ATruncatedAnswerOverUdpIsAskedForOverTcp) {
  start(1, 4s, config::Protocol::udp);
  connection(0).become_ready();
  EXPECT_TRUE(tcp_servers.at(0).connections.empty()) << "opened when it is needed";
  resolve(asker);
  const auto& query = *connection(0).sent.at(0);
  auto truncated = upstream::testing::reply_to(query, query.id);
  dns::write_u16(truncated, 2, dns::read_u16(truncated, 2) | dns::flag::tc);
  connection(0).reply(truncated);
  EXPECT_EQ(asker.answers, 0);
  auto& tcp = *tcp_servers.at(0).connections.at(0);
  tcp.become_ready();
  ASSERT_EQ(tcp.sent.size(), 1U);
  answer_last(tcp);
  EXPECT_EQ(asker.answers, 1);
}

TEST_F(FailoverTest, IsWarmWhenAnyServerWasTried) {
  start(2);
  EXPECT_FALSE(failover->is_warm());
  connection(1).become_ready();
  EXPECT_TRUE(failover->is_warm());
}

TEST_F(FailoverTest, StopsWhenEveryConnectionHasGone) {
  start(2);
  connection(0).become_ready();
  failover->stop();
  EXPECT_FALSE(failover->is_stopped());
  turn(loop);
  EXPECT_TRUE(failover->is_stopped());
}

}  // namespace
}  // namespace pillion::resolve
