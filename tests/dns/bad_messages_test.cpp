#include "dns/bad_messages.hpp"

#include <set>

#include <gtest/gtest.h>

namespace pillion::dns::testing {
namespace {

TEST(BadMessages, EachIsRefusedForItsReason) {
  for (const auto& message : bad_messages()) {
    SCOPED_TRACE(message.name);
    const auto query = parse_query(message.bytes, {});
    ASSERT_FALSE(query);
    EXPECT_EQ(to_string(query.error()), to_string(message.reason));
  }
}

TEST(BadMessages, TheTableIsLargeHasEachReasonAndNothingTwice) {
  std::set<std::string> names;
  std::set<Buffer> contents;
  std::set<QueryError> reasons;
  for (const auto& message : bad_messages()) {
    EXPECT_TRUE(names.insert(message.name).second) << message.name;
    EXPECT_TRUE(contents.insert(message.bytes).second) << message.name;
    EXPECT_LE(message.bytes.size(), max_message_size);
    reasons.insert(message.reason);
  }
  EXPECT_GE(names.size(), 60U);
  EXPECT_EQ(reasons.size(), static_cast<std::size_t>(QueryError::count_));
}

TEST(BadMessages, NamesThatAreNotUtf8PassWithoutTheRule) {
  for (const auto& message : bad_messages()) {
    const auto query = parse_query(message.bytes, {.reject_non_utf8_names = false});
    EXPECT_EQ(query.has_value(), message.reason == QueryError::name_not_utf8) << message.name;
  }
}

}  // namespace
}  // namespace pillion::dns::testing
