#include "dns/response_writer.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/message_builder.hpp"
#include "dns/reply.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"

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
using testing::test_address;
const Buffer question_pointer = pointer_to(header_size);

MessageBuilder reply_for(std::string_view name, std::uint16_t rr_type = type::a) {
  MessageBuilder message(answer_flags);
  message.question(name, rr_type);
  return message;
}

/// Each record as "owner ttl type rdata".
std::vector<std::string> records_of(const Buffer& message) {
  std::vector<std::string> all;
  const auto view = MessageView::parse(message);
  if (!view || !is_sound_reply(*view, false)) return {"malformed"};
  for_each_record(*view, [&](const Record& record) {
    Buffer owner;
    EXPECT_TRUE(unpack_name(message, record.owner, owner));
    all.push_back(to_text(owner) + " " + std::to_string(record.ttl) + " " + presentation::type_to_text(record.type) +
                  " " + presentation::rdata_to_text(message, record));
  });
  return all;
}

class ResponseWriterTest : public ::testing::Test {
 protected:
  /// The reply as the writer writes it; empty if it does not fit.
  Buffer rewritten(const Buffer& reply) {
    const auto view = MessageView::parse(reply).value();
    EXPECT_TRUE(is_sound_reply(view, false));
    const auto& question = view.question();
    return written(question.name, question.type,
                   [&] { return writer_.add_records(view, [](const Record& record) { return record.ttl; }); });
  }
  /// The reply as the writer writes it after an alias from the question `alias`.
  Buffer aliased(const Buffer& reply, const Buffer& alias) {
    const auto view = MessageView::parse(reply).value();
    return written(alias, view.question().type, [&] {
      return writer_.add_alias(view.question().name, 60) &&
             writer_.add_records(view, [](const Record& record) { return record.ttl; });
    });
  }

  ResponseWriter writer_{0};

 private:
  template <typename Add>
  Buffer written(Bytes name, std::uint16_t rr_type, Add add) {
    // Bytes before the message: offsets count from the start of the message.
    Buffer out(7, 0xEE);
    writer_.start(out, answer_flags, name, rr_type, klass::in);
    if (!add()) return {};
    Buffer message(out.begin() + 7, out.end());
    check_offsets(message);
    return message;
  }

  void check_offsets(const Buffer& message) {
    std::vector<std::uint16_t> ttls;
    for_each_record(MessageView::parse(message).value(),
                    [&](const Record& record) { ttls.push_back(static_cast<std::uint16_t>(record.ttl_offset)); });
    EXPECT_THAT(writer_.ttl_offsets(), ::testing::ElementsAreArray(ttls));
    for (const auto offset : writer_.pointer_offsets()) EXPECT_GE(message[offset], 0xC0);
  }
};

TEST_F(ResponseWriterTest, Rfc1035NamesAreCompressed) {
  // CoreDNS does not compress owner names.
  auto reply = reply_for("web.shop.svc.cluster.local");
  const auto owner = name_of("web.shop.svc.cluster.local");
  for (std::uint8_t i = 1; i <= 20; ++i) reply.record(Section::answer, owner, type::a, {10, 0, 0, i}, 5);
  const auto message = rewritten(reply.bytes());
  EXPECT_EQ(records_of(message), records_of(reply.bytes()));
  EXPECT_EQ(message.size(), header_size + owner.size() + 4 + 20 * 16);
}

TEST_F(ResponseWriterTest, Rfc4343AnOwnerThatEqualsTheQuestionIsAPointerToIt) {
  auto reply = reply_for("www.example");
  reply.record(Section::answer, name_of("WWW.EXAMPLE"), type::a, test_address, 300);
  EXPECT_THAT(records_of(rewritten(reply.bytes())), ElementsAre("www.example. 300 A 192.0.2.1"));
}

TEST_F(ResponseWriterTest, Rfc4343RdataKeepsItsLetters) {
  // The letter case of the question is the client's: no name in rdata may point to it.
  auto reply = reply_for("WWW.example", type::cname);
  reply.record(Section::answer, question_pointer, type::cname, joined({label_of("host"), pointer_to(header_size + 4)}),
               50);
  reply.record(Section::authority, pointer_to(header_size + 4), type::ns, question_pointer, 40);
  const auto message = rewritten(reply.bytes());
  EXPECT_THAT(records_of(message), ElementsAre("WWW.example. 50 CNAME host.example.", "example. 40 NS WWW.example."));
  for (const auto offset : writer_.pointer_offsets()) {
    const auto target = read_u16(message, offset) & 0x3FFFU;
    const bool is_owner = offset == MessageView::parse(message)->question_end();
    EXPECT_TRUE(is_owner || target > header_size + 12) << offset;
  }
}

TEST_F(ResponseWriterTest, Rfc3597OnlyTheFirstTypesMayHaveCompressedRdata) {
  auto reply = reply_for("_ldap._tcp.example", type::srv);
  const auto target = joined({Buffer{0, 1, 0, 2, 0, 3}, label_of("host"), pointer_to(header_size + 11)});
  reply.record(Section::answer, question_pointer, type::srv, target, 50);
  reply.record(Section::additional, joined({label_of("host"), pointer_to(header_size + 11)}), type::a, test_address,
               40);
  const auto message = rewritten(reply.bytes());
  EXPECT_THAT(records_of(message),
              ElementsAre("_ldap._tcp.example. 50 SRV 1 2 3 host.example.", "host.example. 40 A 192.0.2.1"));
  // The target is uncompressed, and the owner name of its address points to it.
  EXPECT_THAT(writer_.pointer_offsets(), ::testing::SizeIs(2));
}

TEST_F(ResponseWriterTest, Rfc1034NamesInAddressesOfChaosnetStayRight) {
  // The owner names become shorter, so that the records move.
  auto reply = reply_for("host.example");
  const auto owner = name_of("host.example");
  const auto record = [&](const Buffer& network) {
    reply.record(Section::answer, owner, type::a, joined({network, {1, 2}}), 300, klass::chaos);
  };
  record(name_of("net.example"));
  record(pointer_to(header_size + owner.size() + 4 + owner.size() + 10));
  record(question_pointer);
  const auto message = rewritten(reply.bytes());
  EXPECT_THAT(records_of(message),
              ElementsAre("host.example. 300 A net.example. 402", "host.example. 300 A net.example. 402",
                          "host.example. 300 A host.example. 402"));
  // The three owner names alone are pointers.
  EXPECT_THAT(writer_.pointer_offsets(), ::testing::SizeIs(3));
}

TEST_F(ResponseWriterTest, TheOptIsLeftOutAndWhatPointsBehindItStaysRight) {
  auto reply = reply_for("www.example");
  reply.record(Section::answer, question_pointer, type::a, test_address, 300);
  reply.opt(testing::option_of(option::cookie, Buffer(8)));
  const auto behind = reply.size();
  reply.record(Section::additional, name_of("ns.example"), type::a, test_address, 200);
  reply.record(Section::additional, pointer_to(behind), type::txt, label_of("x"), 100);
  EXPECT_THAT(records_of(rewritten(reply.bytes())),
              ElementsAre("www.example. 300 A 192.0.2.1", "ns.example. 200 A 192.0.2.1", "ns.example. 100 TXT \"x\""));
}

TEST_F(ResponseWriterTest, UnknownTypesAreByteForByte) {
  auto reply = reply_for("www.example");
  reply.record(Section::answer, question_pointer, 65'280, {0xC0, 0x0C, 1, 2, 3}, 300);
  EXPECT_THAT(records_of(rewritten(reply.bytes())), ElementsAre("www.example. 300 TYPE65280 \\# 5 C00C010203"));
}

TEST_F(ResponseWriterTest, EveryLayoutWithNames) {
  const auto host = name_of("host.Example");
  auto reply = reply_for("www.example");
  for (const auto rr_type :
       {type::ns, type::md, type::mf, type::cname, type::mb, type::mg, type::mr, type::ptr, type::dname})
    reply.record(Section::answer, question_pointer, rr_type, host);
  for (const auto rr_type : {type::minfo, type::rp})
    reply.record(Section::answer, question_pointer, rr_type, joined({host, host}));
  for (const auto rr_type : {type::mx, type::afsdb, type::rt, type::kx})
    reply.record(Section::answer, question_pointer, rr_type, joined({{0, 9}, host}));
  reply.record(Section::answer, question_pointer, type::soa, joined({host, host, Buffer(20, 7)}));
  reply.record(Section::answer, question_pointer, type::px, joined({{0, 9}, host, host}));
  reply.record(Section::answer, question_pointer, type::rrsig, joined({Buffer(18, 1), host, Buffer(30, 2)}));
  reply.record(Section::answer, question_pointer, type::nsec, joined({host, {0, 1, 64}}));
  reply.record(Section::answer, question_pointer, type::naptr,
               joined({Buffer(4), label_of("u"), label_of("x"), label_of(""), host}));
  reply.record(Section::answer, question_pointer, type::https, joined({{0, 1}, host, {0, 3, 0, 2, 1, 187}}));
  const auto message = rewritten(reply.bytes());
  EXPECT_EQ(records_of(message), records_of(reply.bytes()));
  EXPECT_LT(message.size(), reply.size());
}

TEST_F(ResponseWriterTest, ManyNamesThanAreRememberedAreStillRight) {
  auto reply = reply_for("www.example");
  for (int i = 0; i < 1000; ++i) {
    const auto name = name_of("host-" + std::to_string(i % 700) + ".zone-" + std::to_string(i % 90) + ".example.org");
    reply.record(Section::answer, question_pointer, type::ns, name);
    reply.record(Section::additional, name, type::a, test_address);
  }
  const auto sorted = [](std::vector<std::string> all) {
    std::ranges::sort(all);
    return all;
  };
  // The records are in the order of their sections.
  EXPECT_EQ(sorted(records_of(rewritten(reply.bytes()))), sorted(records_of(reply.bytes())));
}

TEST_F(ResponseWriterTest, ANameWhoseLabelsCannotBeToldApart) {
  // With the seed of these tests, the kept bits of the hashes of both suffixes are equal. The writer must not compare
  // the second with the first, of which only one label is written yet, and must not read old bytes after that label.
  auto before = reply_for("q.example", type::txt);
  Buffer text;
  for (int i = 0; i < 2; ++i) append(text, label_of(std::string(250, '\xC0')));
  before.record(Section::answer, question_pointer, type::txt, text);
  EXPECT_EQ(records_of(rewritten(before.bytes())), records_of(before.bytes()));
  auto reply = reply_for("q.example");
  reply.record(Section::answer, question_pointer, type::cname, name_of("000286884.000286884."), 60);
  reply.record(Section::answer, name_of("000286884.000286884."), type::a, test_address, 60);
  EXPECT_THAT(records_of(rewritten(reply.bytes())),
              ElementsAre("q.example. 60 CNAME 000286884.000286884.", "000286884.000286884. 60 A 192.0.2.1"));
}

TEST_F(ResponseWriterTest, OwnersBeneathTheQuestionAreWrittenOnce) {
  auto reply = reply_for("example");
  for (int i = 0; i < 3; ++i) reply.record(Section::authority, name_of("hash.example"), type::txt, label_of("x"));
  const auto message = rewritten(reply.bytes());
  EXPECT_EQ(records_of(message), records_of(reply.bytes()));
  EXPECT_EQ(message.size(), reply_for("example").size() + 7 + 2 + 2 + 3 * 12);
}

TEST_F(ResponseWriterTest, NothingPointsBeyondWhatPointersReach) {
  auto reply = reply_for("www.example");
  reply.record(Section::answer, question_pointer, 65'280, Buffer(0x4000));
  for (int i = 0; i < 3; ++i) reply.record(Section::answer, name_of("far.example"), type::a, test_address);
  EXPECT_EQ(records_of(rewritten(reply.bytes())), records_of(reply.bytes()));
}

TEST_F(ResponseWriterTest, ALongestMessageThatWouldBecomeLongerIsRefused) {
  auto reply = reply_for("www.example");
  // SRV targets are uncompressed.
  const auto long_name = joined({labels_of(3, 60), {0}});
  reply.record(Section::answer, long_name, type::txt, label_of("x"));
  const auto at = reply_for("www.example").size();
  while (reply.size() < 60'000)
    reply.record(Section::answer, question_pointer, type::srv, joined({Buffer(6), pointer_to(at)}));
  EXPECT_TRUE(rewritten(reply.bytes()).empty());
}

TEST_F(ResponseWriterTest, Rfc1034AnAliasStandsBeforeWhatItLeadsTo) {
  const auto to_example = pointer_to(header_size + 4);
  auto answer = reply_for("www.example");
  answer.record(Section::answer, question_pointer, type::cname, joined({label_of("host"), to_example}), 50);
  const auto to_host = pointer_to(answer.size() - 7);
  answer.record(Section::answer, to_host, type::a, test_address, 40);
  answer.record(Section::authority, to_example, type::mx, joined({{0, 10}, label_of("mail"), to_example}), 30);
  const auto message = aliased(answer.bytes(), name_of("www.example.corp.internal"));
  EXPECT_EQ(to_text(MessageView::parse(message)->question().name), "www.example.corp.internal.");
  EXPECT_EQ(Header::of(message)->answers(), 3);
  EXPECT_THAT(records_of(message),
              ElementsAre("www.example.corp.internal. 60 CNAME www.example.", "www.example. 50 CNAME host.example.",
                          "host.example. 40 A 192.0.2.1", "example. 30 MX 10 mail.example."));
}

TEST_F(ResponseWriterTest, TheLongestNames) {
  const auto longest = joined({labels_of(3, 63), labels_of(1, 61), {0}});
  const auto most_labels = joined({labels_of(127, 1), {0}});
  for (const auto& name : {longest, most_labels}) {
    MessageBuilder answer(answer_flags);
    answer.question(name).record(Section::answer, question_pointer, type::a, test_address, 300);
    auto other = name;
    other[1] = 'z';
    EXPECT_EQ(records_of(aliased(answer.bytes(), other)).size(), 2U);
    EXPECT_EQ(records_of(rewritten(answer.bytes())), records_of(answer.bytes()));
  }
}

}  // namespace
}  // namespace pillion::dns
