#include "dns/alias.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/message_builder.hpp"
#include "dns/text.hpp"

namespace pillion::dns {
namespace {

using ::testing::ElementsAre;
using testing::joined;
using testing::label_of;
using testing::labels_of;
using testing::MessageBuilder;
using testing::name_of;
using testing::pointer_to;
using testing::Section;

constexpr std::uint16_t answer_flags = flag::qr | flag::rd | flag::ra;
const Buffer address = {192, 0, 2, 1};
const Buffer alias = name_of("www.example.corp.internal");

MessageBuilder answer_for_www(std::uint16_t flags = answer_flags) {
  MessageBuilder message(flags);
  message.question("www.example");
  return message;
}

/// The message, or nothing where there can be none.
Buffer aliased(const Buffer& answer, const Buffer& name = alias, std::uint32_t ttl = 60) {
  // As at the end of a batch: offsets count from the message's own start.
  Buffer out(7, 0xEE);
  const auto prefix = out;
  const bool done = append_as_alias(MessageView::parse(answer).value(), name, ttl, out);
  if (!done) {
    EXPECT_EQ(out, prefix) << "left as it was";
    return {};
  }
  return {out.begin() + 7, out.end()};
}

/// "owner ttl type rdata" of each record.
std::vector<std::string> records_of(const Buffer& message) {
  std::vector<std::string> all;
  const auto view = MessageView::parse(message);
  if (!view) return {"malformed"};
  for_each_record(*view, [&](const Record& record) {
    Buffer owner;
    EXPECT_TRUE(unpack_name(message, record.owner, owner));
    all.push_back(to_text(owner) + " " + std::to_string(record.ttl) + " " + type_to_text(record.type) + " " +
                  rdata_to_text(message, record));
  });
  return all;
}

TEST(Alias, Rfc1034CnameBeforeWhatItLeadsTo) {
  const auto message =
      aliased(answer_for_www().record(Section::answer, pointer_to(header_size), type::a, address, 300).bytes());
  EXPECT_EQ(to_text(MessageView::parse(message)->question().name), "www.example.corp.internal.");
  EXPECT_EQ(Header::of(message)->answers(), 2);
  EXPECT_THAT(records_of(message),
              ElementsAre("www.example.corp.internal. 60 CNAME www.example.", "www.example. 300 A 192.0.2.1"));
}

TEST(Alias, NamesThatPointIntoTheQuestionGoOnMeaningTheSame) {
  const auto to_example = pointer_to(header_size + 4);
  auto answer = answer_for_www();
  answer.record(Section::answer, pointer_to(header_size), type::cname, joined({label_of("host"), to_example}), 50);
  const auto to_host = pointer_to(answer.size() - 7);
  answer.record(Section::answer, to_host, type::a, address, 40);
  answer.record(Section::authority, to_example, type::mx, joined({{0, 10}, label_of("mail"), to_example}), 30);
  EXPECT_THAT(records_of(aliased(answer.bytes())),
              ElementsAre("www.example.corp.internal. 60 CNAME www.example.", "www.example. 50 CNAME host.example.",
                          "host.example. 40 A 192.0.2.1", "example. 30 MX 10 mail.example."));
}

TEST(Alias, AnAliasThatIsShorterOrTheRoot) {
  const auto answer = answer_for_www().record(Section::answer, pointer_to(header_size), type::a, address, 300).bytes();
  for (const auto* name : {"a", "."}) {
    const auto message = aliased(answer, name_of(name));
    EXPECT_EQ(records_of(message).back(), "www.example. 300 A 192.0.2.1") << name;
  }
}

TEST(Alias, NobodyHasSignedIt) {
  const auto message = aliased(answer_for_www(answer_flags | flag::ad | flag::aa | flag::cd).bytes());
  EXPECT_EQ(Header::of(message)->flags(), answer_flags | flag::cd);
}

TEST(Alias, KeepsIdAndCode) {
  const auto message = aliased(answer_for_www(answer_flags | rcode::nxdomain).bytes());
  EXPECT_EQ(Header::of(message)->id(), 0x1234);
  EXPECT_EQ(Header::of(message)->rcode(), rcode::nxdomain);
}

TEST(Alias, LongestNames) {
  const auto longest = joined({labels_of(3, 63), labels_of(1, 61), {0}});
  ASSERT_EQ(longest.size(), max_name_size);
  MessageBuilder answer(answer_flags);
  answer.question(longest).record(Section::answer, pointer_to(header_size), type::a, address, 300);
  auto other = longest;
  other[1] = 'z';
  const auto message = aliased(answer.bytes(), other);
  EXPECT_EQ(records_of(message).size(), 2U);
}

TEST(Alias, WhatPointersCannotReachIsNotMoved) {
  // RFC 1035 4.1.4: 14 bits.
  auto answer = answer_for_www();
  answer.record(Section::answer, {0}, type::txt, Buffer(0x3FFF - answer.size() - 20, 0), 60);
  const auto owner = answer.size();
  ASSERT_LT(owner, 0x4000U);
  answer.record(Section::answer, name_of("far.example"), type::a, address, 60);
  answer.record(Section::answer, pointer_to(owner), type::a, address, 60);
  EXPECT_EQ(records_of(answer.bytes()).back(), "far.example. 60 A 192.0.2.1");
  EXPECT_TRUE(aliased(answer.bytes()).empty());
}

TEST(Alias, NotBeyondTheLargestMessage) {
  auto answer = answer_for_www();
  answer.record(Section::answer, {0}, type::txt, Buffer(max_message_size - answer.size() - 20, 0), 60);
  EXPECT_TRUE(aliased(answer.bytes()).empty());
}

}  // namespace
}  // namespace pillion::dns
