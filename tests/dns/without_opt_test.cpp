#include <functional>

#include <gmock/gmock.h>

#include "dns/edns.hpp"
#include "dns/message_builder.hpp"
#include "dns/text.hpp"

namespace pillion::dns::testing {
namespace {

using ::testing::ElementsAreArray;

const Buffer address = {192, 0, 2, 1};

// Each record as text: owner, type, TTL and rdata, whose names are unpacked.
std::vector<std::string> records_of(Bytes message) {
  std::vector<std::string> texts;
  for_each_record(MessageView::parse(message).value(), [&](const Record& record) {
    Buffer owner;
    EXPECT_TRUE(unpack_name(message, record.owner, owner));
    texts.push_back(to_text(owner) + ' ' + std::to_string(record.ttl) + ' ' + class_to_text(record.klass) + ' ' +
                    type_to_text(record.type) + ' ' + rdata_to_text(message, record));
  });
  return texts;
}

std::optional<Buffer> without_opt(Bytes message) {
  Buffer out = {1, 2, 3};
  const auto view = MessageView::parse(message).value();
  if (!append_without_opt(view, out)) {
    EXPECT_THAT(out, ElementsAreArray({1, 2, 3}));
    return std::nullopt;
  }
  return Buffer(out.begin() + 3, out.end());
}

void expect_same_but_opt(const Buffer& message) {
  const auto rewritten = without_opt(message);
  ASSERT_TRUE(rewritten);
  auto expected = records_of(message);
  std::erase_if(expected, [](const std::string& text) { return text.find(" OPT ") != std::string::npos; });
  EXPECT_THAT(records_of(*rewritten), ElementsAreArray(expected));
  const auto before = MessageView::parse(message).value();
  const auto after = MessageView::parse(*rewritten).value();
  EXPECT_FALSE(after.opt());
  EXPECT_EQ(after.header().additionals() + (before.opt() ? 1 : 0), before.header().additionals());
  EXPECT_EQ(after.header().flags(), before.header().flags());
  EXPECT_EQ(after.header().id(), before.header().id());
}

TEST(WithoutOpt, CopiesAsIsWhereThereIsNone) {
  const auto message =
      MessageBuilder(flag::qr).question("a.example").record(Section::answer, pointer_to(12), type::a, address).bytes();
  EXPECT_EQ(without_opt(message), message);
}

TEST(WithoutOpt, TakesTheLastRecordOff) {
  const auto bare = MessageBuilder(flag::qr)
                        .question("a.example")
                        .record(Section::answer, pointer_to(12), type::a, address)
                        .record(Section::additional, pointer_to(12), type::a, address);
  auto with = bare;
  EXPECT_EQ(without_opt(with.opt(option_of(option::padding, Buffer(100))).bytes()), bare.bytes());
}

TEST(WithoutOpt, AQueryOfNothingElse) {
  EXPECT_EQ(without_opt(MessageBuilder().question(".").opt().bytes()), MessageBuilder().question(".").bytes());
}

TEST(WithoutOpt, PointersToBeforeItStay) {
  expect_same_but_opt(MessageBuilder(flag::qr)
                          .question("www.example.com")
                          .opt(option_of(option::padding, Buffer(33)))
                          .record(Section::additional, pointer_to(12), type::a, address)
                          .record(Section::additional, joined({label_of("x"), pointer_to(16)}), type::mx,
                                  joined({{0, 5}, label_of("mail"), pointer_to(16)}))
                          .bytes());
}

// A message whose OPT stands before a name, to which the rdata that `rdata(where the name is)` makes points.
Buffer with_pointer_behind(std::uint16_t rr_type, const std::function<Buffer(std::size_t)>& rdata) {
  MessageBuilder message(flag::qr);
  message.question("example.com").opt(option_of(option::cookie, Buffer(24)));
  const auto name = message.size();
  message.record(Section::additional, name_of("ns.other.net"), type::a, address);
  message.record(Section::additional, pointer_to(name), rr_type, rdata(name));
  return message.record(Section::additional, joined({label_of("b"), pointer_to(name + 3)}), type::a, address).bytes();
}

TEST(WithoutOpt, PointersToBehindItAreMovedInTheRdataOfEachTypeThatHoldsNames) {
  using Make = std::function<Buffer(std::size_t)>;
  const auto one = [](std::size_t name) { return joined({label_of("q"), pointer_to(name + 3)}); };
  const auto bare = [](std::size_t name) { return pointer_to(name); };
  const auto two = [&](std::size_t name) { return joined({one(name), pointer_to(name)}); };
  const auto after = [](std::size_t size, const Make& make) -> Make {
    return [=](std::size_t name) { return joined({Buffer(size, 1), make(name)}); };
  };
  const auto before = [](const Make& make, std::size_t size) -> Make {
    return [=](std::size_t name) { return joined({make(name), Buffer(size, 1)}); };
  };
  const std::pair<std::uint16_t, Make> cases[] = {
      {type::ns, bare},
      {type::ns, one},
      {type::md, one},
      {type::mf, one},
      {type::cname, one},
      {type::soa, before(two, 20)},
      {type::mb, one},
      {type::mg, one},
      {type::mr, one},
      {type::ptr, one},
      {type::minfo, two},
      {type::mx, after(2, one)},
      {type::rp, two},
      {type::afsdb, after(2, one)},
      {type::rt, after(2, one)},
      {type::sig, before(after(18, one), 64)},
      {type::px, after(2, two)},
      {type::srv, after(6, one)},
      {type::naptr,
       [&](std::size_t name) { return joined({Buffer(4), {1, 'u'}, {0}, {3, 'a', 'b', 'c'}, one(name)}); }},
      {type::kx, after(2, one)},
      {type::dname, one},
      {type::rrsig, before(after(18, one), 64)},
      {type::svcb, after(2, one)},
  };
  for (const auto& [rr_type, rdata] : cases) {
    SCOPED_TRACE(type_to_text(rr_type));
    expect_same_but_opt(with_pointer_behind(rr_type, rdata));
    // Pointers are gone from no rdata: the rewritten message is as much shorter as the OPT was long.
    const auto message = with_pointer_behind(rr_type, rdata);
    EXPECT_EQ(without_opt(message).value().size(), message.size() - 11 - 28);
  }
}

TEST(WithoutOpt, PointersOfNxtWhichHasNoTextHere) {
  const auto rewritten = without_opt(with_pointer_behind(type::nxt, [](std::size_t name) {
                           return joined({pointer_to(name), {0x40, 0, 0, 2}});
                         })).value();
  const auto first = MessageBuilder().question("example.com").size();
  const auto nxt = read_record(rewritten, read_record(rewritten, first).value().end).value();
  ASSERT_EQ(nxt.type, type::nxt);
  EXPECT_THAT(Bytes(rewritten).subspan(nxt.rdata, nxt.rdata_size),
              ElementsAreArray(joined({pointer_to(first), {0x40, 0, 0, 2}})));
}

TEST(WithoutOpt, OtherRdataIsNotTouchedWhateverItLooksLike) {
  const auto looks_like_names = [](std::size_t name) { return joined({pointer_to(name), pointer_to(name)}); };
  for (const std::uint16_t rr_type : {type::hinfo, type::txt, type::ds, type::tlsa, std::uint16_t{65280}}) {
    const auto message = with_pointer_behind(rr_type, looks_like_names);
    const auto name = MessageView::parse(message).value().opt().value().end;
    const auto rewritten = without_opt(message).value();
    const auto first = MessageBuilder().question("example.com").size();
    const auto other = read_record(rewritten, read_record(rewritten, first).value().end).value();
    ASSERT_EQ(other.type, rr_type);
    EXPECT_THAT(Bytes(rewritten).subspan(other.rdata, other.rdata_size), ElementsAreArray(looks_like_names(name)));
  }
}

TEST(WithoutOpt, ChainsOfPointersBehindIt) {
  MessageBuilder message(flag::qr);
  message.question("example.com").opt();
  const auto first = message.size();
  message.record(Section::additional, joined({label_of("a"), pointer_to(12)}), type::a, address);
  const auto second = message.size();
  message.record(Section::additional, joined({label_of("b"), pointer_to(first)}), type::a, address);
  const auto third = message.size();
  message.record(Section::additional, pointer_to(second), type::a, address);
  message.record(Section::additional, joined({label_of("c"), pointer_to(third)}), type::cname, pointer_to(third));
  expect_same_but_opt(message.bytes());
}

TEST(WithoutOpt, DynamicUpdatesHaveRecordsWithoutRdata) {
  expect_same_but_opt(MessageBuilder()
                          .question("example.com", type::soa)
                          .opt()
                          .record(Section::additional, pointer_to(12), type::mx, {}, 0, klass::any)
                          .bytes());
}

TEST(WithoutOpt, RefusesWhatItCannotMend) {
  const auto opt_options = option_of(option::padding, {1, 'x', 0});
  const auto message = [&] { return MessageBuilder(flag::qr).question("example.com").opt(opt_options); };
  const auto opt = MessageBuilder().question("example.com").size();
  const auto padding = opt + 11 + 4;

  const auto refused = [&](const Buffer& owner, std::uint16_t rr_type, const Buffer& rdata) {
    return !without_opt(message().record(Section::additional, owner, rr_type, rdata).bytes());
  };
  EXPECT_TRUE(refused(pointer_to(padding), type::a, address));  // into the OPT's option
  EXPECT_TRUE(refused(pointer_to(opt), type::a, address));      // to the OPT's root
  EXPECT_TRUE(refused({0}, type::ns, pointer_to(padding)));
  EXPECT_TRUE(refused({0}, type::ns, pointer_to(0x3FFF)));  // malformed
  EXPECT_TRUE(refused({0}, type::ns, {1}));
  EXPECT_TRUE(refused({0}, type::mx, {0, 5}));
  EXPECT_TRUE(refused({0}, type::mx, {0}));
  EXPECT_TRUE(refused({0}, type::naptr, {0, 1, 0, 1, 9, 'x'}));
  EXPECT_TRUE(refused({0}, type::naptr, {0, 1, 0, 1}));
  EXPECT_TRUE(refused({0}, type::soa, joined({pointer_to(12), {0xC0}})));
  EXPECT_FALSE(refused(pointer_to(12), type::ns, pointer_to(12)));
}

TEST(WithoutOpt, RefusesNamesThatLeadIntoBytesThatWereNotMended) {
  // The rdata of an unknown type behind the OPT holds a pointer to behind the OPT, and a name leads there.
  MessageBuilder message(flag::qr);
  message.question("example.com").opt();
  const auto name = message.size();
  message.record(Section::additional, name_of("a.b.c.d.e"), type::a, address);
  const auto opaque = message.size() + 11;
  message.record(Section::additional, {0}, 65280, pointer_to(name));
  message.record(Section::additional, pointer_to(opaque), type::a, address);
  ASSERT_TRUE(MessageView::parse(message.bytes()));
  EXPECT_FALSE(without_opt(message.bytes()));
}

}  // namespace
}  // namespace pillion::dns::testing
