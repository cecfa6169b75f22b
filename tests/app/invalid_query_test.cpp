// Messages that are not valid queries, and valid queries that Pillion does not support.

#include <algorithm>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using testing::ask;
using testing::ShardRunner;

/// The upstream is plain TCP, since these tests are about the clients' side.
class InvalidQueries : public ::testing::Test {
 protected:
  test::DotServer server{{.settings = {}, .tls = false, .plain = true}};
  config::Config config = testing::make_config(config::Protocol::tcp, {server.plain_port()});
};

struct Invalid {
  const char* name;
  dns::QueryError error;
  dns::Buffer (*message)();
};
class InvalidQuery : public InvalidQueries, public ::testing::WithParamInterface<Invalid> {
 protected:
  [[nodiscard]] static std::uint64_t counted(const ShardRunner& shard) {
    return shard.server().invalid[GetParam().error].value();
  }
};

TEST_P(InvalidQuery, CutsATcpClientOffAndIsCounted) {
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  auto client = shard.connect();
  auto other = shard.connect();
  client.send_message(GetParam().message());
  EXPECT_FALSE(client.receive());
  EXPECT_NE(client.ending(), test::StreamClient::Ending::timeout);
  EXPECT_EQ(counted(shard), 1U);
  EXPECT_TRUE(shard.log().has(
      {"invalid query", "client=127.0.0.1", "reason=" + std::string(dns::to_string(GetParam().error))}));
  other.send_message(test::make_query("www.example", dns::type::a));
  EXPECT_TRUE(other.receive()) << "nobody else's connection is";
}

TEST_P(InvalidQuery, IsAnsweredFormerrOverUdpOrNotAtAll) {
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.1", shard.port());
  client.send(GetParam().message());
  // The answer to the next message on the same socket shows that the first one was handled.
  client.send(test::make_query("www.example", dns::type::a, {.id = 77}));
  auto answer = client.receive();
  ASSERT_TRUE(answer);
  if (dns::deserves_formerr(GetParam().error)) {
    EXPECT_EQ(test::rcode_of(*answer), dns::rcode::formerr);
    answer = client.receive();
    ASSERT_TRUE(answer);
  }
  EXPECT_EQ(test::id_of(*answer), 77);
  EXPECT_EQ(counted(shard), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, InvalidQuery,
    ::testing::Values(Invalid{"ShortHeader", dns::QueryError::short_header, [] { return dns::Buffer{1, 2, 3}; }},
                      Invalid{"Empty", dns::QueryError::short_header, [] { return dns::Buffer{}; }},
                      Invalid{"Response", dns::QueryError::is_response,
                              [] { return test::make_query("www.example", dns::type::a, {.flags = dns::flag::qr}); }},
                      Invalid{"TwoQuestions", dns::QueryError::question_count,
                              [] {
                                auto message = test::make_query("www.example", dns::type::a);
                                dns::write_u16(message, 4, 2);
                                return message;
                              }},
                      Invalid{"TrailingBytes", dns::QueryError::trailing_bytes,
                              [] {
                                auto message = test::make_query("www.example", dns::type::a);
                                message.push_back(0);
                                return message;
                              }},
                      Invalid{"NotUtf8", dns::QueryError::name_not_utf8,
                              [] { return test::make_query("w\xffw.example", dns::type::a); }}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(InvalidQueries, WhatWasAnsweredBeforeABadMessageStillArrives) {
  const ShardRunner shard(config);
  auto client = shard.connect();
  // In the same read, a query that Pillion answers without an upstream, and then a bad one.
  auto both = test::framed(test::make_query("www.example", dns::type::axfr, {.id = 5}));
  dns::append(both, test::framed(dns::Buffer{1, 2, 3}));
  client.send(both);
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::id_of(*answer), 5);
  EXPECT_FALSE(client.receive());
}

TEST_F(InvalidQueries, NamesThatAreNotUtf8PassWhereTheyMay) {
  config.dns.reject_non_utf8_names = false;
  const ShardRunner shard(config);
  EXPECT_EQ(ask(shard, "w\xffw.example").answers, 1);
}

TEST_F(InvalidQueries, WhatIsNotDoneIsSaid) {
  const ShardRunner shard(config);
  auto client = shard.connect();
  const auto rcode_for = [&](const dns::Buffer& query) {
    client.send_message(query);
    const auto answer = client.receive();
    return answer ? test::rcode_of(*answer) : 0xffff;
  };
  EXPECT_EQ(rcode_for(test::make_query("www.example", dns::type::a, {.flags = 4U << 11U})), dns::rcode::notimp);
  EXPECT_EQ(rcode_for(test::make_query("example", dns::type::axfr)), dns::rcode::refused);
  EXPECT_EQ(rcode_for(test::make_query("example", dns::type::ixfr)), dns::rcode::refused);
  EXPECT_EQ(testing::ask(shard, "example", dns::type::axfr).extended_error, "zone transfers are not supported");
  auto version_1 = test::make_query("www.example", dns::type::a, {.edns = true});
  version_1[version_1.size() - 5] = 1;
  // The data of its OPT record need not be a list of options.
  dns::Buffer version_1_with_data(version_1.size() + 1, 0xff);
  std::ranges::copy(version_1, version_1_with_data.begin());
  version_1_with_data[version_1.size() - 1] = 1;
  for (const auto& version : {version_1, version_1_with_data}) {
    client.send_message(version);
    const auto answer = client.receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(dns::read_edns(dns::MessageView::parse(*answer).value()).extended_rcode, dns::rcode::badvers >> 4U);
  }
  EXPECT_TRUE(testing::queries_of_clients(server).empty());
}

}  // namespace
}  // namespace pillion::app
