#include "dns/reply.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dns/message_builder.hpp"

namespace pillion::dns {
namespace {

using testing::bytes_of;
using testing::joined;
using testing::label_of;
using testing::MessageBuilder;
using testing::name_of;
using testing::option_of;
using testing::pointer_to;
using testing::Section;

const Buffer to_question = pointer_to(header_size);

MessageBuilder reply(std::uint16_t rr_type = type::a) {
  MessageBuilder message(flag::qr | flag::rd | flag::ra);
  message.question("www.example", rr_type);
  return message;
}

/// A reply with one answer.
Buffer answer(std::uint16_t rr_type, const Buffer& rdata, std::uint16_t klass = klass::in) {
  return reply().record(Section::answer, to_question, rr_type, rdata, 300, klass).bytes();
}

bool is_sound(const Buffer& message, bool may_be_signed = false) {
  return is_sound_reply(MessageView::parse(message).value(), may_be_signed);
}

TEST(Reply, Rfc1035AnotherOpcodeIsNoReplyToAQuery) {
  EXPECT_TRUE(is_sound(reply().bytes()));
  for (const unsigned code : {1U, 2U, 4U, 5U, 6U, 15U}) {
    auto message = reply().bytes();
    write_u16(message, 2, static_cast<std::uint16_t>(read_u16(message, 2) | code << 11U));
    EXPECT_FALSE(is_sound(message)) << code;
  }
}

TEST(Reply, Rfc8945ASignatureOnlyWhereTheQueryHadOne) {
  const auto signed_reply = reply().record(Section::additional, {0}, type::tsig, Buffer(20), 0, klass::any).bytes();
  EXPECT_FALSE(is_sound(signed_reply));
  EXPECT_TRUE(is_sound(signed_reply, true));
}

TEST(Reply, Rfc8914ExtendedErrorsHaveACodeAndUtf8) {
  const auto with = [](const Buffer& value) { return reply().opt(option_of(option::extended_error, value)).bytes(); };
  EXPECT_TRUE(is_sound(with({0, 22})));
  EXPECT_TRUE(is_sound(with(joined({{0, 22}, bytes_of("r\xC3\xA9seau")}))));
  EXPECT_FALSE(is_sound(with({})));
  EXPECT_FALSE(is_sound(with({22})));
  EXPECT_FALSE(is_sound(with(joined({{0, 22}, bytes_of("r\xE9seau")}))));
  EXPECT_FALSE(is_sound(with({0, 22, 0xC3}))) << "cut within a character";
}

TEST(Reply, Rfc1035PointersLeadToNames) {
  constexpr std::size_t to_type = header_size + 13;
  const auto text = joined({label_of("x"), {0}});
  auto message = reply();
  message.record(Section::answer, to_question, type::txt, label_of(std::string("\x01x\0", 3)));
  const auto inside_text = message.size() - 3;
  const auto sound_until_here = message.bytes();
  EXPECT_TRUE(is_sound(sound_until_here));
  // "01 00" of type and class reads as the start of a name.
  EXPECT_TRUE(is_sound(reply().record(Section::answer, pointer_to(header_size + 4), type::a, Buffer(4)).bytes()));
  const auto into_type = reply(0x0100).record(Section::answer, pointer_to(to_type + 1), type::a, Buffer(4)).bytes();
  EXPECT_FALSE(is_sound(into_type)) << "into the question's type";
  EXPECT_FALSE(is_sound(message.record(Section::answer, pointer_to(inside_text), type::a, Buffer(4)).bytes()))
      << "into a text";
  // A pointer into the middle of a label.
  EXPECT_FALSE(
      is_sound(reply()
                   .record(Section::answer, joined({label_of(std::string("a\x01z\0", 4)), {0}}), type::a, Buffer(4))
                   .record(Section::answer, pointer_to(reply().size() + 2), type::a, Buffer(4))
                   .bytes()));
}

TEST(Reply, Rfc3597PointersIntoTheRdataOfUnknownTypesAreNone) {
  auto message = reply();
  message.record(Section::answer, to_question, 65'280, name_of("x.example"));
  const auto in_unknown = message.size() - 11;
  EXPECT_TRUE(is_sound(message.bytes()));
  EXPECT_FALSE(is_sound(message.record(Section::answer, pointer_to(in_unknown), type::a, Buffer(4)).bytes()));
}

struct Rdata {
  std::uint16_t type;
  Buffer bytes;
};

TEST(Reply, RdataOfKnownTypesIsLaidOutAsItsRfcSays) {
  const auto host = name_of("host.example");
  const std::vector<Rdata> sound = {
      {type::a, Buffer(4)},
      {type::aaaa, Buffer(16)},
      {type::cname, host},
      {type::cname, joined({label_of("host"), to_question})},
      {type::mx, joined({{0, 10}, host})},
      {type::srv, joined({Buffer(6), host})},
      {type::soa, joined({host, host, Buffer(20)})},
      {type::txt, joined({label_of("a"), label_of("")})},
      {type::hinfo, joined({label_of("RFC8482"), label_of("")})},
      {type::naptr, joined({Buffer(4), label_of("u"), label_of("sip"), label_of(""), host})},
      {type::rrsig, joined({Buffer(18), host, Buffer(3)})},
      {type::nsec3, joined({Buffer(4), label_of("salt"), label_of("hash"), {0, 1, 64}})},
      {type::svcb, joined({{0, 1}, host, {0, 3, 0, 2, 1, 187}})},
      {type::caa, joined({{0}, label_of("issue"), bytes_of("ca.example")})},
      {65'280, Buffer(7, 0xFF)},
  };
  for (const auto& [rr_type, bytes] : sound) EXPECT_TRUE(is_sound(answer(rr_type, bytes))) << rr_type;

  const std::vector<Rdata> broken = {
      {type::a, Buffer(3)},
      {type::a, Buffer(5)},
      {type::aaaa, Buffer(4)},
      {type::cname, {}},
      {type::cname, joined({host, {0}})},            // bytes after the name
      {type::cname, label_of("host")},               // no root label
      {type::cname, pointer_to(0x3FFF)},             // a pointer forward
      {type::mx, {0, 10}},                           // without a name
      {type::mx, joined({{0, 10}, label_of("h")})},  // a name without its end
      {type::soa, joined({host, host, Buffer(19)})},
      {type::srv, joined({Buffer(6), host, {1}})},
      {type::ptr, {0x80, 0}},  // an unknown label type
      {type::txt, {5, 'a'}},
      {type::txt, {}},
      {type::naptr, joined({Buffer(4), label_of("u"), label_of("sip"), label_of("")})},
      {type::rrsig, Buffer(18)},
  };
  for (const auto& [rr_type, bytes] : broken) EXPECT_FALSE(is_sound(answer(rr_type, bytes))) << rr_type;
}

TEST(Reply, AddressesOfOtherClassesHaveOtherForms) {
  EXPECT_TRUE(is_sound(answer(type::a, joined({name_of("ch-addr.net"), {0, 9}}), klass::chaos)));
  EXPECT_TRUE(is_sound(answer(type::a, joined({to_question, {0, 9}}), klass::chaos)));
  EXPECT_FALSE(is_sound(answer(type::a, {192, 0, 2, 1}, klass::chaos)));
  EXPECT_FALSE(is_sound(answer(type::a, joined({pointer_to(0x3FFF), {0, 9}}), klass::chaos)));
  EXPECT_TRUE(is_sound(answer(type::aaaa, Buffer(3), klass::chaos)));
  EXPECT_TRUE(is_sound(answer(type::a, Buffer(3), 300)));
}

TEST(Reply, NamesThatPointersCannotReachMayStandThere) {
  auto message = reply();
  message.record(Section::answer, to_question, 65'280, Buffer(0x4000));
  message.record(Section::answer, name_of("far.example"), type::a, Buffer(4));
  message.record(Section::answer, to_question, type::a, Buffer(4));
  EXPECT_TRUE(is_sound(message.bytes()));
}

TEST(Reply, LabelsThatPointersInRdataLeadToAreWithinABudget) {
  const auto full_of = [](std::size_t labels) {
    auto message = reply();
    message.record(Section::answer, joined({testing::labels_of(labels, 1), {0}}), type::a, {192, 0, 2, 1});
    const auto owner = message.size() - 14 - (2 * labels + 1);
    while (message.size() + 16 <= max_message_size)
      message.record(Section::answer, to_question, type::minfo, joined({pointer_to(owner), pointer_to(owner)}));
    return message.bytes();
  };
  EXPECT_TRUE(is_sound(full_of(17)));
  EXPECT_FALSE(is_sound(full_of(126)));
}

}  // namespace
}  // namespace pillion::dns
