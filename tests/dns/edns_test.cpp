#include "dns/edns.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

Buffer plain_query() {
  return MessageBuilder().question("www.example.com").bytes();
}

Edns read(Bytes message) {
  return read_edns(MessageView::parse(message).value());
}

TEST(ReadEdns, AbsentIsTheOldLimitOf512) {
  const auto message = plain_query();
  const auto edns = read(message);
  EXPECT_FALSE(edns.present);
  EXPECT_EQ(edns.udp_payload, 512);
  EXPECT_FALSE(edns.dnssec_ok);
}

TEST(ReadEdns, EachField) {
  const auto options = option_of(option::nsid, {});
  const auto message = MessageBuilder().question("a.example").opt(options, 0xAB12FFFF).bytes();
  const auto edns = read(message);
  EXPECT_TRUE(edns.present);
  EXPECT_EQ(edns.udp_payload, 1232);
  EXPECT_EQ(edns.extended_rcode, 0xAB);
  EXPECT_EQ(edns.version, 0x12);
  EXPECT_TRUE(edns.dnssec_ok);
  EXPECT_THAT(edns.options, ElementsAreArray(options));
}

TEST(ReadEdns, DoIsOneBit) {
  for (std::uint32_t bit = 0; bit < 16; ++bit) {
    const auto message = MessageBuilder().question("a.example").opt({}, 1U << bit).bytes();
    EXPECT_EQ(read(message).dnssec_ok, bit == 15) << bit;
  }
}

TEST(ReadEdns, SizesBelow512CountAs512) {
  for (const auto& [sent, read_as] :
       {std::pair{0, 512}, {1, 512}, {511, 512}, {512, 512}, {513, 513}, {65535, 65535}}) {
    const auto message = MessageBuilder()
                             .question("a.example")
                             .record(Section::additional, {0}, type::opt, {}, 0, static_cast<std::uint16_t>(sent))
                             .bytes();
    EXPECT_EQ(read(message).udp_payload, read_as);
  }
}

TEST(ForEachOption, ReturnsWhatOverruns) {
  const auto whole = joined({option_of(option::padding, Buffer(5)), option_of(option::nsid, {})});
  const auto ignore = [](std::uint16_t /*code*/, Bytes /*value*/) {};
  EXPECT_THAT(for_each_option(whole, ignore), IsEmpty());
  EXPECT_THAT(for_each_option({}, ignore), IsEmpty());
  const auto header_cut = joined({whole, {0, 3, 0}});
  EXPECT_THAT(for_each_option(header_cut, ignore), ElementsAre(0, 3, 0));
  const auto value_cut = joined({whole, {0, 3, 0, 2, 9}});
  std::vector<std::uint16_t> codes;
  const auto left = for_each_option(value_cut, [&](std::uint16_t code, Bytes /*value*/) { codes.push_back(code); });
  EXPECT_THAT(left, ElementsAre(0, 3, 0, 2, 9));
  EXPECT_THAT(codes, ElementsAre(option::padding, option::nsid));
}

TEST(ForEachExtendedError, PassesOverOtherOptionsAndErrorsWithoutACode) {
  const auto options =
      joined({option_of(option::padding, Buffer(5)), option_of(option::extended_error, {0, 3}),
              option_of(option::extended_error, {7}), option_of(option::extended_error, {0, 22, 'n', 'o'})});
  std::vector<std::pair<std::uint16_t, std::string>> errors;
  for_each_extended_error(options, [&](std::uint16_t info_code, Bytes text) {
    errors.emplace_back(info_code, std::string(text.begin(), text.end()));
  });
  EXPECT_THAT(errors, ElementsAre(std::pair(3, ""), std::pair(22, "no")));
}

TEST(FindOption, WalksToTheFirstWithTheCode) {
  const auto options = joined({option_of(option::padding, Buffer(5)), option_of(option::nsid, {}),
                               option_of(option::cookie, {1, 2}), option_of(option::cookie, {3})});
  EXPECT_EQ(find_option(options, option::padding).value().size(), 5U);
  EXPECT_TRUE(find_option(options, option::nsid).value().empty());
  EXPECT_THAT(find_option(options, option::cookie).value(), ElementsAre(1, 2));
  EXPECT_FALSE(find_option(options, option::tcp_keepalive));
  EXPECT_FALSE(find_option({}, option::nsid));
}

TEST(FindOption, StopsWhereOptionsDoNotFit) {
  const auto options = joined({option_of(option::nsid, {}), {0, 10, 0, 9, 1}});
  EXPECT_TRUE(find_option(options, option::nsid));
  EXPECT_FALSE(find_option(options, option::cookie));
  EXPECT_FALSE(find_option(Buffer{0, 3, 0}, option::nsid));
}

TEST(Keepalive, TheTimeoutWhereThereIsOne) {
  EXPECT_EQ(keepalive_timeout(option_of(option::tcp_keepalive, {0x01, 0x2C})), 300);
  EXPECT_EQ(keepalive_timeout(option_of(option::tcp_keepalive, {})), std::nullopt);
  EXPECT_EQ(keepalive_timeout(option_of(option::tcp_keepalive, {1})), std::nullopt);
  EXPECT_EQ(keepalive_timeout(option_of(option::tcp_keepalive, {1, 2, 3})), std::nullopt);
  EXPECT_EQ(keepalive_timeout(option_of(option::cookie, {1, 2})), std::nullopt);
  EXPECT_EQ(keepalive_timeout({}), std::nullopt);
}

TEST(OptWriter, TheFixedPart) {
  Buffer out = {9, 9, 9};  // bytes before the message
  append(out, plain_query());
  OptWriter(
      out, 3,
      {.present = true, .udp_payload = 4096, .extended_rcode = 1, .version = 2, .dnssec_ok = true, .options = {}});
  const auto message = Bytes(out).subspan(3);
  EXPECT_THAT(message.last(11), ElementsAre(0, 0, 41, 0x10, 0, 1, 2, 0x80, 0, 0, 0));
  EXPECT_EQ(MessageView::parse(message).value().header().additionals(), 1);
  const auto edns = read(message);
  EXPECT_EQ(edns.udp_payload, 4096);
  EXPECT_EQ(edns.extended_rcode, 1);
  EXPECT_EQ(edns.version, 2);
  EXPECT_TRUE(edns.dnssec_ok);
}

TEST(OptWriter, CountsBesideOtherRecords) {
  auto out = MessageBuilder().question("a.example").record(Section::additional, {0}, type::txt, {1, 'x'}).bytes();
  OptWriter(out, 0, {});
  EXPECT_EQ(MessageView::parse(out).value().header().additionals(), 2);
}

TEST(OptWriter, OptionsAreWholeAfterEachCall) {
  auto out = plain_query();
  OptWriter opt(out, 0, {});
  opt.add_option(option::cookie, Buffer{1, 2, 3});
  EXPECT_THAT(find_option(read(out).options, option::cookie).value(), ElementsAre(1, 2, 3));
  opt.add_keepalive({});
  EXPECT_TRUE(find_option(read(out).options, option::tcp_keepalive).value().empty());
  opt.add_extended_error(extended_error::network_error, "no");
  EXPECT_THAT(find_option(read(out).options, option::extended_error).value(), ElementsAre(0, 23, 'n', 'o'));
  opt.add_padding(128);
  EXPECT_EQ(out.size(), 128U);
  EXPECT_THAT(find_option(read(out).options, option::cookie).value(), ElementsAre(1, 2, 3));
}

TEST(OptWriter, KeepaliveWithATimeout) {
  auto out = plain_query();
  OptWriter(out, 0, {}).add_keepalive(0x1234);
  EXPECT_EQ(keepalive_timeout(read(out).options), 0x1234);
}

TEST(OptWriter, ExtraTextIsCutAtACharacter) {
  const std::string euro = "\xE2\x82\xAC";
  const std::pair<std::string, std::size_t> cases[] = {
      {"", 0},
      {std::string(200, 'x'), 200},
      {std::string(201, 'x'), 200},
      {std::string(199, 'x') + "\xC3\xA9", 199},
      {std::string(198, 'x') + "\xC3\xA9" + "y", 200},
      {std::string(198, 'x') + euro, 198},
      {std::string(197, 'x') + euro, 200},
      {std::string(197, 'x') + euro + euro, 200},
      {std::string(197, 'x') + "\xF0\x9F\x98\x80", 197},
  };
  for (const auto& [text, size] : cases) {
    auto out = plain_query();
    OptWriter(out, 0, {}).add_extended_error(extended_error::other, text);
    const auto value = find_option(read(out).options, option::extended_error).value();
    EXPECT_EQ(value.size(), 2 + size);
    EXPECT_THAT(value.subspan(2), ElementsAreArray(bytes_of(text.substr(0, size))));
  }
}

// A message of `size` bytes, which a TXT record at its end fills.
Buffer message_of(std::size_t size) {
  MessageBuilder message;
  message.question(".");
  constexpr std::size_t record = 11;
  return message.record(Section::answer, {0}, 65280, Buffer(size - message.size() - record)).bytes();
}

TEST(Padding, EveryLengthBecomesAMultipleByTheLeastPossible) {
  for (const std::size_t block : {1U, 2U, 3U, 128U, 468U}) {
    for (std::size_t size = 28; size <= 600; ++size) {
      auto out = message_of(size);
      ASSERT_EQ(out.size(), size);
      OptWriter(out, 0, {}).add_padding(block);
      ASSERT_EQ(out.size() % block, 0U) << size << ' ' << block;
      ASSERT_LT(out.size(), size + 11 + 4 + block) << size << ' ' << block;
      const auto padding = find_option(read(out).options, option::padding);
      ASSERT_TRUE(padding);
      ASSERT_EQ(out.size(), size + 11 + 4 + padding->size());
      for (const auto byte : *padding) ASSERT_EQ(byte, 0);  // RFC 7830 3
    }
  }
}

TEST(Padding, EvenOfBareHeaders) {
  for (std::size_t size = header_size; size < 600; ++size) {
    Buffer out(size);  // only the counts of the header are read
    OptWriter(out, 0, {}).add_padding(128);
    ASSERT_EQ(out.size(), (size + 15 + 127) / 128 * 128);
  }
}

TEST(Padding, AnEmptyOptionWhereTheMessageFits) {
  auto out = message_of(128 - 15);
  OptWriter(out, 0, {}).add_padding(128);
  EXPECT_EQ(out.size(), 128U);
  EXPECT_TRUE(find_option(read(out).options, option::padding).value().empty());
}

TEST(Padding, CountsFromTheStartOfTheMessage) {
  Buffer out(2);
  append(out, plain_query());
  OptWriter(out, 2, {}).add_padding(128);
  EXPECT_EQ(out.size(), 130U);
}

TEST(Padding, NeverMoreThanTheLargestMessage) {
  for (const std::size_t left : {0U, 3U, 4U, 5U, 100U}) {
    auto out = message_of(max_message_size - 11 - left);
    OptWriter(out, 0, {}).add_padding(1000);  // 65,535 is no multiple of 1,000
    EXPECT_EQ(out.size(), left < 4 ? max_message_size - left : max_message_size);
    EXPECT_TRUE(MessageView::parse(out));
  }
}

TEST(Padding, NoneForABlockOfZero) {
  auto out = plain_query();
  OptWriter(out, 0, {}).add_padding(0);
  EXPECT_TRUE(read(out).options.empty());
}

TEST(OptWriter, OptionsThatDoNotFitAreLeftOut) {
  auto out = message_of(max_message_size - 11 - 8);
  OptWriter opt(out, 0, {});
  const auto size = out.size();
  opt.add_option(option::cookie, Buffer(5));
  opt.add_extended_error(0, "xyz");
  EXPECT_EQ(out.size(), size);
  opt.add_keepalive(1);
  EXPECT_EQ(out.size(), size + 6);
  EXPECT_TRUE(MessageView::parse(out));
}

}  // namespace
}  // namespace pillion::dns::testing
