#include "upstream/error.hpp"

#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace pillion::upstream {
namespace {

using namespace dns::extended_error;

constexpr unsigned ask_another = 1;
constexpr unsigned may_be_cached = 2;
constexpr unsigned is_of_handshake = 4;
constexpr unsigned is_lasting = 8;
constexpr unsigned is_mended_by_stream = 16;

struct Row {
  Error error;
  std::uint16_t rcode;
  std::uint16_t info_code;
  Blame blame;
  unsigned flags;
};

unsigned flags_of(const ErrorTraits& traits) {
  return (traits.ask_another ? ask_another : 0) | (traits.may_be_cached ? may_be_cached : 0) |
         (traits.is_of_handshake ? is_of_handshake : 0) | (traits.is_lasting ? is_lasting : 0) |
         (traits.is_mended_by_stream ? is_mended_by_stream : 0);
}

constexpr std::array rows{
    Row{Error::connect_refused, dns::rcode::servfail, network_error, Blame::server, ask_another | may_be_cached},
    Row{Error::unreachable, dns::rcode::servfail, network_error, Blame::server, ask_another | may_be_cached},
    Row{Error::connect_timeout, dns::rcode::servfail, network_error, Blame::server, ask_another | may_be_cached},
    Row{Error::handshake_timeout, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake},
    Row{Error::tls_failed, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake},
    Row{Error::certificate_expired, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake | is_lasting},
    Row{Error::certificate_name, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake | is_lasting},
    Row{Error::certificate_untrusted, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake | is_lasting},
    Row{Error::certificate_invalid, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake | is_lasting},
    Row{Error::pin_mismatch, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake | is_lasting},
    Row{Error::alpn_mismatch, dns::rcode::servfail, network_error, Blame::server,
        ask_another | may_be_cached | is_of_handshake | is_lasting},
    Row{Error::reset, dns::rcode::servfail, network_error, Blame::connection, ask_another | may_be_cached},
    Row{Error::closed, dns::rcode::servfail, network_error, Blame::connection, ask_another | may_be_cached},
    Row{Error::timeout, dns::rcode::servfail, no_reachable_authority, Blame::query, ask_another | may_be_cached},
    Row{Error::stalled, dns::rcode::servfail, no_reachable_authority, Blame::connection, ask_another | may_be_cached},
    Row{Error::mismatched_reply, dns::rcode::servfail, network_error, Blame::query,
        ask_another | may_be_cached | is_mended_by_stream},
    Row{Error::malformed_reply, dns::rcode::servfail, network_error, Blame::query, ask_another | may_be_cached},
    Row{Error::query_too_large, dns::rcode::servfail, network_error, Blame::query,
        ask_another | may_be_cached | is_mended_by_stream},
    Row{Error::no_resources, dns::rcode::refused, other, Blame::us, 0},
    Row{Error::overloaded, dns::rcode::refused, other, Blame::us, 0},
    Row{Error::stopped, dns::rcode::refused, other, Blame::us, 0},
};

class ErrorTable : public ::testing::TestWithParam<Row> {};

TEST_P(ErrorTable, SaysWhatFollows) {
  const auto& row = GetParam();
  const auto& found = traits(row.error);
  EXPECT_EQ(found.rcode, row.rcode);
  EXPECT_EQ(found.info_code, row.info_code);
  EXPECT_EQ(found.blame, row.blame);
  EXPECT_EQ(flags_of(found), row.flags);
  EXPECT_FALSE(found.text.empty());
}

INSTANTIATE_TEST_SUITE_P(All, ErrorTable, ::testing::ValuesIn(rows),
                         [](const auto& tested) { return std::string(traits(tested.param.error).reason); });

TEST(ErrorTableTest, IsHeldRowByRow) {
  std::set<Error> held;
  for (const auto& row : rows) held.insert(row.error);
  EXPECT_EQ(held.size(), error_table.size());
}

TEST(ErrorTableTest, EveryErrorHasAReasonOfItsOwn) {
  std::set<std::string_view> reasons;
  for (const auto& row : error_table) reasons.insert(row.reason);
  EXPECT_EQ(reasons.size(), error_table.size());
  EXPECT_FALSE(reasons.contains(""));
}

TEST(ErrorTableTest, WhatIsOurOwnFaultIsRefusedAndNotTheNamesFailure) {
  for (const auto& row : error_table) {
    if (row.blame != Blame::us) continue;
    EXPECT_EQ(row.rcode, dns::rcode::refused) << row.reason;
    EXPECT_FALSE(row.may_be_cached) << row.reason;
  }
}

TEST(ErrorTableTest, ReasonsAreLabels) {
  for (const auto& row : error_table)
    EXPECT_EQ(row.reason.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << row.reason;
}

}  // namespace
}  // namespace pillion::upstream
