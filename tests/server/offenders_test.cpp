#include "server/offenders.hpp"

#include <gtest/gtest.h>

#include "server/tcp_listener.hpp"

namespace pillion::server {
namespace {

using namespace std::chrono_literals;
using dns::QueryError;

const runtime::Time start = runtime::Time{} + 1h;

ClientAddress client(std::uint32_t n) {
  ClientAddress address{};
  address[10] = address[11] = 0xff;
  for (std::size_t i = 0; i < 4; ++i) address[15 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  return address;
}

TEST(ClientAddressText, ReadsAsPeopleWriteIt) {
  EXPECT_EQ(to_string(client(0x0a010203)), "10.1.2.3");
  ClientAddress v6{0x20, 0x01, 0x0d, 0xb8};
  v6[15] = 1;
  EXPECT_EQ(to_string(v6), "2001:db8::1");
}

TEST(Offenders, CountsByClientAndReason) {
  Offenders offenders;
  static_cast<void>(offenders.count(client(1), QueryError::short_header, start));
  static_cast<void>(offenders.count(client(1), QueryError::long_name, start));
  static_cast<void>(offenders.count(client(1), QueryError::long_name, start));
  static_cast<void>(offenders.count(client(2), QueryError::long_name, start));
  const auto* const record = offenders.find(client(1));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->total, 3U);
  EXPECT_EQ(record->by_reason[static_cast<std::size_t>(QueryError::short_header)], 1U);
  EXPECT_EQ(record->by_reason[static_cast<std::size_t>(QueryError::long_name)], 2U);
  EXPECT_EQ(offenders.find(client(2))->total, 1U);
  EXPECT_EQ(offenders.find(client(3)), nullptr);
}

TEST(Offenders, ReportsAClientAtOnceThenOncePerInterval) {
  Offenders offenders;
  auto* record = offenders.count(client(1), QueryError::short_header, start);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->unreported, 1U);
  Offenders::mark_reported(*record, start);
  for (int i = 1; i < 10; ++i) EXPECT_EQ(offenders.count(client(1), QueryError::short_header, start + i * 1s), nullptr);
  EXPECT_NE(offenders.count(client(2), QueryError::short_header, start + 1s), nullptr)
      << "another client has lines of its own";
  record = offenders.count(client(1), QueryError::short_header, start + Offenders::log_interval);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->unreported, 10U);
  EXPECT_EQ(record->total, 11U);
}

TEST(Offenders, ForgetsTheOneThatWasQuietForTheLongest) {
  Offenders offenders;
  const auto many = static_cast<std::uint32_t>(Offenders::max_clients);
  for (std::uint32_t i = 0; i < many; ++i) {
    static_cast<void>(offenders.count(client(i), QueryError::short_header, start + std::chrono::milliseconds(i)));
  }
  EXPECT_EQ(offenders.size(), Offenders::max_clients);
  static_cast<void>(offenders.count(client(0), QueryError::short_header, start + 1min));
  static_cast<void>(offenders.count(client(many), QueryError::short_header, start + 2min));
  EXPECT_EQ(offenders.size(), Offenders::max_clients);
  EXPECT_NE(offenders.find(client(0)), nullptr);
  EXPECT_EQ(offenders.find(client(1)), nullptr);
  EXPECT_EQ(offenders.find(client(many))->total, 1U);
}

TEST(Offenders, StaysBounded) {
  Offenders offenders;
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    static_cast<void>(offenders.count(client(i), QueryError::short_header, start + std::chrono::milliseconds(i)));
  }
  EXPECT_EQ(offenders.size(), Offenders::max_clients);
}

TEST(ConnectionCount, CountsByClientAndForgetsThoseWithout) {
  ConnectionCount count;
  count.add(client(1));
  count.add(client(1));
  count.add(client(2));
  EXPECT_EQ(count.of(client(1)), 2U);
  EXPECT_EQ(count.of(client(2)), 1U);
  count.remove(client(1));
  EXPECT_EQ(count.of(client(1)), 1U);
  count.remove(client(1));
  EXPECT_EQ(count.of(client(1)), 0U);
}

}  // namespace
}  // namespace pillion::server
