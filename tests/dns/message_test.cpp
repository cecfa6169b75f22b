#include "dns/message.hpp"

#include <gmock/gmock.h>

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

Buffer to_buffer(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(Header, NeedsTwelveBytes) {
  EXPECT_FALSE(Header::of(Buffer(11)));
  EXPECT_TRUE(Header::of(Buffer(12)));
}

TEST(Header, ReadsEachField) {
  const Buffer bytes = {0xAB, 0xCD, 0x92, 0x35, 0, 1, 0, 2, 1, 3, 2, 4};
  const auto header = Header::of(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->id(), 0xABCD);
  EXPECT_EQ(header->flags(), 0x9235);
  EXPECT_TRUE(header->is_response());
  EXPECT_TRUE(header->is_truncated());
  EXPECT_EQ(header->opcode(), 2);
  EXPECT_EQ(header->rcode(), 5);
  EXPECT_EQ(header->questions(), 1);
  EXPECT_EQ(header->answers(), 2);
  EXPECT_EQ(header->authorities(), 0x103);
  EXPECT_EQ(header->additionals(), 0x204);
}

TEST(MessageView, ReadsTheQuestion) {
  const auto message = MessageBuilder().question("www.example.com", type::aaaa).bytes();
  const auto view = MessageView::parse(message);
  ASSERT_TRUE(view);
  EXPECT_THAT(to_buffer(view->question().name), ElementsAreArray(name_of("www.example.com")));
  EXPECT_EQ(view->question().type, type::aaaa);
  EXPECT_EQ(view->question().klass, klass::in);
  EXPECT_EQ(view->question_end(), message.size());
  EXPECT_FALSE(view->opt());
  EXPECT_FALSE(view->is_signed());
  EXPECT_EQ(view->bytes().data(), message.data());
}

TEST(MessageView, TheShortestMessageAsksForTheRoot) {
  const auto message = MessageBuilder().question(".", type::ns).bytes();
  EXPECT_EQ(message.size(), 17U);
  EXPECT_TRUE(MessageView::parse(message));
}

TEST(MessageView, NamesUpTo255BytesAndLabelsUpTo63) {
  const auto longest = joined({labels_of(3, 63), labels_of(1, 61), {0}});
  ASSERT_EQ(longest.size(), max_name_size);
  EXPECT_TRUE(MessageView::parse(MessageBuilder().question(longest).bytes()));

  const auto most_labels = joined({labels_of(127, 1), {0}});
  ASSERT_EQ(most_labels.size(), max_name_size);
  EXPECT_TRUE(MessageView::parse(MessageBuilder().question(most_labels).bytes()));
}

TEST(MessageView, TheReasonsArePartOfTheTable) {
  // tests/dns/bad_messages.cpp has the other cases; parse_query() returns these two before it parses.
  EXPECT_EQ(MessageView::parse(Buffer(11)).error(), ParseError::short_header);
  EXPECT_EQ(MessageView::parse(MessageBuilder(flag::qr | rcode::formerr).bytes()).error(), ParseError::question_count);
  EXPECT_EQ(to_string(ParseError::short_header), "short_header");
  EXPECT_EQ(to_string(ParseError::trailing_bytes), "trailing_bytes");
  EXPECT_TRUE(MessageView::parse(MessageBuilder(flag::qr).question("a.example").bytes()));
}

TEST(MessageView, EveryPrefixOfAMessageIsRefused) {
  const auto message =
      MessageBuilder(flag::qr)
          .question("www.example.com")
          .record(Section::answer, pointer_to(12), type::a, test_address)
          .record(Section::authority, pointer_to(16), type::ns, joined({label_of("ns"), pointer_to(16)}))
          .opt(option_of(option::cookie, Buffer(8)))
          .bytes();
  ASSERT_TRUE(MessageView::parse(message));
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(MessageView::parse(Bytes(message).first(size))) << size;
  }
}

TEST(MessageView, VisitsTheRecordsOfAllSectionsInOrder) {
  const auto message = MessageBuilder(flag::qr)
                           .question("a.example")
                           .record(Section::answer, pointer_to(12), type::a, test_address, 7)
                           .record(Section::authority, {0}, type::ns, {0}, 8)
                           .record(Section::additional, joined({label_of("x"), pointer_to(14)}), type::txt, {1, 'y'}, 9)
                           .opt()
                           .bytes();
  const auto view = MessageView::parse(message);
  ASSERT_TRUE(view);
  std::vector<std::uint16_t> types;
  for_each_record(*view, [&](const Record& record) {
    types.push_back(record.type);
    const auto read = read_record(message, record.owner);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->type, record.type);
    EXPECT_EQ(read->klass, record.klass);
    EXPECT_EQ(read->ttl, record.ttl);
    EXPECT_EQ(read->ttl_offset, record.ttl_offset);
    EXPECT_EQ(read->rdata, record.rdata);
    EXPECT_EQ(read->rdata_size, record.rdata_size);
    EXPECT_EQ(read->end, record.end);
    EXPECT_EQ(record.ttl, read_u32(message, record.ttl_offset));
  });
  EXPECT_THAT(types, ElementsAre(type::a, type::ns, type::txt, type::opt));
}

TEST(MessageView, FindsOptWhereverItStandsInTheAdditionalSection) {
  for (const int place : {0, 1, 2}) {
    MessageBuilder message(flag::qr);
    message.question("a.example");
    for (int i = 0; i < 3; ++i) {
      if (i == place)
        message.opt({}, 0x01020000);
      else
        message.record(Section::additional, pointer_to(12), type::a, test_address);
    }
    const auto view = MessageView::parse(message.bytes());
    ASSERT_TRUE(view);
    ASSERT_TRUE(view->opt());
    EXPECT_EQ(view->opt()->klass, 1232);
    EXPECT_EQ(view->opt()->ttl, 0x01020000U);
  }
}

TEST(MessageView, KnowsSignedMessages) {
  const auto query = [] { return MessageBuilder().question("a.example", type::soa); };
  const auto signed_with = [&](std::uint16_t rr_type, const Buffer& rdata) {
    const auto message = query().opt().record(Section::additional, {0}, rr_type, rdata, 0, klass::any).bytes();
    return MessageView::parse(message).value().is_signed();
  };
  EXPECT_TRUE(signed_with(type::tsig, Buffer(16)));
  EXPECT_TRUE(signed_with(type::sig, Buffer(20)));              // SIG(0): covers type 0
  EXPECT_FALSE(signed_with(type::sig, Buffer{0, 1, 2, 3, 4}));  // an old signature over type A
  EXPECT_FALSE(signed_with(type::sig, {}));
  EXPECT_FALSE(signed_with(type::a, test_address));

  const auto sig_first = query().record(Section::additional, {0}, type::sig, Buffer(20)).opt().bytes();
  EXPECT_FALSE(MessageView::parse(sig_first).value().is_signed());
  const auto sig_in_answer = query().record(Section::answer, {0}, type::sig, Buffer(20)).bytes();
  EXPECT_FALSE(MessageView::parse(sig_in_answer).value().is_signed());
}

TEST(MessageView, RdataIsNotInterpreted) {
  const auto message = MessageBuilder(flag::qr)
                           .question("a.example")
                           .record(Section::answer, pointer_to(12), type::a, {1})
                           .record(Section::answer, pointer_to(12), type::mx, {0xC0})
                           .record(Section::answer, pointer_to(12), 65280, Buffer(300, 0xFF))
                           .bytes();
  EXPECT_TRUE(MessageView::parse(message));
}

TEST(SkipName, StopsAtTheFirstPointer) {
  const auto message =
      MessageBuilder().question("www.example.com").raw(joined({label_of("a"), pointer_to(16)})).bytes();
  EXPECT_EQ(skip_name(message, 12), 17U);
  EXPECT_EQ(skip_name(message, 33), 4U);
  EXPECT_EQ(skip_name(message, 35), 2U);
  EXPECT_EQ(skip_name(message, 28), 1U);  // the root
  EXPECT_FALSE(skip_name(message, message.size()));
  EXPECT_FALSE(skip_name(message, message.size() + 100));
  EXPECT_FALSE(skip_name(message, message.size() - 1));
}

TEST(SkipName, APointerLeadsToWhatStandsWhollyBefore) {
  struct Case {
    const char* what;
    Buffer rest;         // after the header
    std::size_t offset;  // of the name in `rest`
    bool valid;
  };
  const Case cases[] = {
      {"to the root", joined({{0}, pointer_to(12)}), 1, true},
      {"to a pointer", joined({{0}, pointer_to(12), pointer_to(13)}), 3, true},
      {"to itself", pointer_to(12), 0, false},
      {"forward", joined({pointer_to(14), {0}}), 0, false},
      {"into the header", pointer_to(11), 0, false},
      {"to its own labels", joined({label_of("a"), pointer_to(12)}), 0, false},
      {"into its own label", joined({{2, 0, 0}, pointer_to(13)}), 0, false},
      {"to labels that run into the name", joined({{3}, label_of("a"), pointer_to(12)}), 1, false},
      {"to labels that end where the name begins", joined({label_of("a"), {0}, label_of("b"), pointer_to(12)}), 3,
       true},
      {"cut in half", {0xC0}, 0, false},
      {"two that lead to each other", joined({pointer_to(14), pointer_to(12)}), 2, false},
  };
  for (const auto& test : cases) {
    const auto message = MessageBuilder().raw(test.rest).bytes();
    EXPECT_EQ(skip_name(message, header_size + test.offset).has_value(), test.valid) << test.what;
    Buffer out = {7};
    EXPECT_EQ(unpack_name(message, header_size + test.offset, out), test.valid) << test.what;
    if (!test.valid) {
      EXPECT_THAT(out, ElementsAre(7)) << test.what;
    }
  }
}

TEST(SkipName, AtMost127Pointers) {
  auto message = MessageBuilder().raw({0}).bytes();
  append(message, pointer_to(12));
  for (std::size_t i = 1; i < 127; ++i) append(message, pointer_to(message.size() - 2));
  EXPECT_EQ(skip_name(message, message.size() - 2), 2U);
  append(message, pointer_to(message.size() - 2));
  EXPECT_FALSE(skip_name(message, message.size() - 2));
}

TEST(UnpackName, FollowsPointersUpTo255Bytes) {
  auto message = MessageBuilder().question("example.com").bytes();  // a name of 13 bytes at offset 12
  const auto start = message.size();
  append(message, joined({labels_of(3, 63), labels_of(1, 49), pointer_to(12)}));
  Buffer name;
  ASSERT_TRUE(unpack_name(message, start, name));
  EXPECT_EQ(name.size(), max_name_size);
  EXPECT_THAT(name, ElementsAreArray(joined({labels_of(3, 63), labels_of(1, 49), name_of("example.com")})));

  message.resize(start);
  append(message, joined({labels_of(3, 63), labels_of(1, 50), pointer_to(12)}));
  EXPECT_FALSE(unpack_name(message, start, name));
  EXPECT_EQ(name.size(), max_name_size);  // unchanged
}

/// A full message of records whose owner names point to a name of `labels` labels.
Buffer full_of_owners(std::size_t labels) {
  MessageBuilder message(flag::qr);
  message.question("www.example");
  message.record(Section::additional, joined({labels_of(labels, 1), {0}}), type::a, {192, 0, 2, 1});
  const auto owner = message.size() - 14 - (2 * labels + 1);
  while (message.size() + 16 <= max_message_size)
    message.record(Section::additional, pointer_to(owner), type::a, {192, 0, 2, 1});
  return message.bytes();
}

TEST(MessageView, LabelsThatPointersLeadToAreWithinABudget) {
  // The names in use with the most labels are the reverse names of IPv6 (RFC 3596 section 2.5).
  EXPECT_TRUE(MessageView::parse(full_of_owners(34)));
  EXPECT_EQ(MessageView::parse(full_of_owners(126)).error(), ParseError::malformed_record);
}

TEST(MessageView, ASmallMessageMayHaveTheLongestNames) {
  MessageBuilder message(flag::qr);
  message.question("www.example");
  message.record(Section::additional, joined({labels_of(126, 1), {0}}), type::a, {192, 0, 2, 1});
  message.record(Section::additional, joined({labels_of(126, 1), {0}}), type::a, {192, 0, 2, 1});
  EXPECT_TRUE(MessageView::parse(message.bytes()));
}

}  // namespace
}  // namespace pillion::dns::testing
