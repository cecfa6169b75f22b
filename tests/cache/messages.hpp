#pragma once
// Queries and replies for the tests of the cache, and a store with hand-turned time.

#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "cache/store.hpp"
#include "dns/message_builder.hpp"
#include "dns/ttl.hpp"

namespace pillion::cache::testing {

using dns::Buffer;
using dns::testing::joined;
using dns::testing::label_of;
using dns::testing::MessageBuilder;
using dns::testing::name_of;
using dns::testing::option_of;
using dns::testing::pointer_to;
using dns::testing::Section;

inline constexpr auto reply_flags = static_cast<std::uint16_t>(dns::flag::qr | dns::flag::rd | dns::flag::ra);
inline constexpr auto to_question = dns::header_size;  // offset of the question's name

struct QueryOptions {
  std::uint16_t type = dns::type::a;
  std::uint16_t id = 0x1234;
  std::uint16_t flags = dns::flag::rd;
  bool dnssec_ok = false;
};

/// A client's query, and the views into it.
class Query {
 public:
  explicit Query(std::string_view name, const QueryOptions& options = {}) : bytes_(build(name, options)) {}

  [[nodiscard]] dns::QueryView view() const {
    return dns::parse_query(bytes_, {.reject_non_utf8_names = false}).value();
  }
  [[nodiscard]] Key key() const { return key_of(view()); }

 private:
  static Buffer build(std::string_view name, const QueryOptions& options) {
    MessageBuilder message(options.flags);
    message.question(name, options.type).set_u16(0, options.id);
    if (options.dnssec_ok) message.opt({}, 0x8000);
    return message.bytes();
  }

  Buffer bytes_;
};

inline const Query www("www.example");
inline constexpr dns::ExtendedError network_failure = {.info_code = dns::extended_error::network_error,
                                                       .text = "connection network_failure"};

inline MessageBuilder reply_to(std::string_view name, std::uint16_t type = dns::type::a, std::uint16_t rcode = 0) {
  MessageBuilder message(static_cast<std::uint16_t>(reply_flags | rcode));
  message.question(name, type);
  return message;
}

/// An A record for the question's name.
inline Buffer address_reply(std::string_view name, std::uint32_t ttl, std::uint8_t last_byte = 1) {
  return reply_to(name)
      .record(Section::answer, pointer_to(to_question), dns::type::a, {192, 0, 2, last_byte}, ttl)
      .bytes();
}

inline Buffer soa_rdata(const Buffer& primary, const Buffer& mailbox, std::uint32_t minimum) {
  auto rdata = joined({primary, mailbox});
  for (const auto number : {1U, 7200U, 3600U, 86400U, minimum}) dns::append_u32(rdata, number);
  return rdata;
}

/// NXDOMAIN or NODATA with an SOA of the root.
inline Buffer negative_reply(std::string_view name, std::uint16_t rcode, std::uint32_t soa_ttl, std::uint32_t minimum,
                             std::uint16_t type = dns::type::a) {
  return reply_to(name, type, rcode)
      .record(Section::authority, {0}, dns::type::soa, soa_rdata({0}, {0}, minimum), soa_ttl)
      .bytes();
}

/// A store, and a clock that starts at 1000 s.
class Harness {
 public:
  explicit Harness(const Settings& settings = {}) : store(settings, 0x5eed), settings_(settings) {}

  void at(double seconds) {
    now = runtime::Time{} + std::chrono::seconds(1000) +
          std::chrono::duration_cast<runtime::Duration>(std::chrono::duration<double>(seconds));
  }
  Lookup lookup(const Query& query) { return store.lookup(query.key(), now); }
  Freshness freshness(const Query& query) { return lookup(query).freshness; }
  std::expected<Kind, NotStored> insert(const Query& query, const Buffer& reply, Denial denial = Denial::tree) {
    EXPECT_TRUE(prepared_.prepare(query.key(), dns::MessageView::parse(reply).value(), settings_));
    return store.insert(query.key(), prepared_, denial, now);
  }
  /// A failure of Pillion to get an answer.
  void insert_failure(const Query& query, const dns::ExtendedError& error) {
    prepared_.prepare_failure(query.key(), error, settings_);
    EXPECT_EQ(store.insert(query.key(), prepared_, Denial::tree, now), Kind::failure);
  }
  /// The answer to `query`, which must be in the cache.
  Buffer answer(const Query& query) {
    Buffer out;
    append_answer(*store.lookup_stale(query.key(), now).entry, query.view(), now, rotation, out);
    return out;
  }
  /// The TTLs in the answer.
  std::vector<std::uint32_t> ttls(const Query& query) {
    std::vector<std::uint32_t> all;
    const auto bytes = answer(query);
    dns::for_each_ttl(dns::MessageView::parse(bytes).value(),
                      [&](std::size_t, std::uint32_t ttl) { all.push_back(ttl); });
    return all;
  }

  Store store;
  runtime::Time now = runtime::Time{} + std::chrono::seconds(1000);
  std::size_t rotation = 0;

 private:
  Settings settings_;
  Preparation prepared_{0x5eed};
};

}  // namespace pillion::cache::testing
