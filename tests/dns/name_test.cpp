#include "dns/name.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Buffer single_label(std::string_view label) {
  return joined({label_of(label), {0}});
}

TEST(NameText, Escapes) {
  const std::pair<Buffer, std::string> cases[] = {
      {{0}, "."},
      {name_of("www.Example.COM"), "www.Example.COM."},
      {single_label("a.b"), "a\\.b."},
      {single_label("a\\b"), "a\\\\b."},
      {single_label("\"();@$"), "\\\"\\(\\)\\;\\@\\$."},
      {single_label("a b"), "a\\032b."},
      {single_label("\t\n\x7F"), "\\009\\010\\127."},
      {single_label(std::string_view("\0", 1)), "\\000."},
      {single_label("\xC3\xA9"), "\\195\\169."},
      {single_label("_dns-1*~!#"), "_dns-1*~!#."},
      {joined({label_of("."), label_of("\xFF"), {0}}), "\\..\\255."},
  };
  for (const auto& [name, text] : cases) {
    EXPECT_EQ(to_text(name), text);
    EXPECT_EQ(parse_name(text).value(), name) << text;
  }
}

TEST(NameText, EveryByteComesBack) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto name = joined({{2, static_cast<std::uint8_t>(byte), 'x'}, {1, static_cast<std::uint8_t>(byte)}, {0}});
    EXPECT_EQ(parse_name(to_text(name)).value(), name) << byte;
  }
}

TEST(NameText, TheLongestNames) {
  for (const auto& name : {joined({labels_of(3, 63), labels_of(1, 61), {0}}), joined({labels_of(127, 1), {0}})}) {
    ASSERT_EQ(name.size(), max_name_size);
    EXPECT_EQ(parse_name(to_text(name)).value(), name);
  }
}

TEST(NameText, OfBytesThatAreNoName) {
  EXPECT_EQ(to_text({}), ".");
  EXPECT_EQ(to_text(Buffer{5, 'a', 'b'}), "ab.");  // to_text() reads no byte after the end
  EXPECT_EQ(to_text(Buffer{5}), ".");
}

TEST(ParseName, WithOrWithoutTheFinalDot) {
  EXPECT_EQ(parse_name("example.com").value(), parse_name("example.com.").value());
  EXPECT_EQ(parse_name("a").value(), (Buffer{1, 'a', 0}));
  EXPECT_EQ(parse_name(".").value(), (Buffer{0}));
  EXPECT_EQ(parse_name("\\097").value(), (Buffer{1, 'a', 0}));
  EXPECT_EQ(parse_name("\\a").value(), (Buffer{1, 'a', 0}));
}

TEST(ParseName, SaysWhatIsWrong) {
  const auto of_63 = std::string(63, 'x') + ".";
  const std::pair<std::string, std::string> cases[] = {
      {"", "an empty name (the root is \".\")"},
      {"..", "an empty label"},
      {".a", "an empty label"},
      {"a..b", "an empty label"},
      {"a..", "an empty label"},
      {"a\\", "a backslash at the end"},
      {"a\\1", "an escape \\DDD needs three digits"},
      {"a\\12", "an escape \\DDD needs three digits"},
      {"a\\12x", "an escape \\DDD needs three digits"},
      {"a\\256", "an escape \\DDD above 255"},
      {"a\\999", "an escape \\DDD above 255"},
      {std::string(64, 'x'), "a label longer than 63 bytes"},
      {"a." + std::string(64, 'x') + ".b", "a label longer than 63 bytes"},
      {of_63 + of_63 + of_63 + std::string(62, 'x'), "a name longer than 255 bytes"},
      {of_63 + of_63 + of_63 + of_63, "a name longer than 255 bytes"},
  };
  for (const auto& [text, error] : cases) {
    const auto name = parse_name(text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error(), error) << text;
  }
}

TEST(EqualNames, WithoutRegardToCase) {
  EXPECT_TRUE(equal_names(name_of("www.example.com"), name_of("WWW.eXample.COM")));
  EXPECT_TRUE(equal_names(name_of("."), name_of(".")));
  EXPECT_FALSE(equal_names(name_of("www.example.com"), name_of("www.example.con")));
  EXPECT_FALSE(equal_names(name_of("a.bc"), name_of("ab.c")));
  EXPECT_FALSE(equal_names(name_of("a"), name_of("a.a")));
  EXPECT_FALSE(
      equal_names(single_label("[abc"), single_label("{abc")));  // '[' and '{' differ by the same bit as 'a' and 'A'
  EXPECT_FALSE(equal_names(single_label("@abc"), single_label("`abc")));
  EXPECT_FALSE(equal_names(single_label("\xC1"), single_label("\xE1")));  // only ASCII letters have case
}

TEST(EqualNames, OnlyLettersHaveCaseWhereverTheyStand) {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string a(size, 'q');
        std::string b(size, 'Q');
        a[place] = static_cast<char>(byte);
        b[place] = static_cast<char>(byte ^ 0x20);
        const auto lower = byte | 0x20;
        const bool letter = lower >= 'a' && lower <= 'z';
        ASSERT_EQ(equal_names(single_label(a), single_label(b)), letter) << size << ' ' << place << ' ' << byte;
        ASSERT_EQ(hash_name(single_label(a), 1) == hash_name(single_label(b), 1), letter) << byte;
      }
    }
  }
}

TEST(HashName, DependsOnTheNameAndTheSeedNotOnTheCase) {
  EXPECT_EQ(hash_name(name_of("www.example.com"), 5), hash_name(name_of("WWW.EXAMPLE.com"), 5));
  EXPECT_NE(hash_name(name_of("www.example.com"), 5), hash_name(name_of("www.example.com"), 6));
  EXPECT_NE(hash_name(name_of("www.example.com"), 5), hash_name(name_of("www.example.net"), 5));
  EXPECT_NE(hash_name(name_of("."), 5), hash_name({}, 5));
}

TEST(HashName, SpreadsSimilarNames) {
  std::set<std::uint64_t> hashes;
  std::set<std::uint64_t> low_bits;
  for (int i = 0; i < 65536; ++i) {
    const auto hash = hash_name(name_of("host-" + std::to_string(i) + ".example.com"), 42);
    hashes.insert(hash);
    low_bits.insert(hash & 0xFFFFU);
  }
  EXPECT_EQ(hashes.size(), 65536U);
  // A random function of 65,536 values hits 1 - 1/e of 65,536 places: 41,427, with a standard deviation near 80.
  EXPECT_NEAR(static_cast<double>(low_bits.size()), 41427, 500);
}

TEST(NameView, Labels) {
  const auto labels_in = [](NameView name) {
    std::vector<std::string> labels;
    for (const auto label : name.labels()) labels.emplace_back(label.begin(), label.end());
    return labels;
  };
  EXPECT_THAT(labels_in(name_of("www.example.com")), ElementsAre("www", "example", "com"));
  EXPECT_THAT(labels_in(name_of(".")), IsEmpty());
  EXPECT_THAT(labels_in({}), IsEmpty());
  EXPECT_THAT(labels_in(label_of("com")), ElementsAre("com"));  // without the root label
  EXPECT_EQ(NameView(name_of("www.example.com")).label_count(), 3U);
  EXPECT_EQ(NameView(joined({labels_of(127, 1), {0}})).label_count(), 127U);
  EXPECT_EQ(NameView(name_of(".")).label_count(), 0U);
}

TEST(NameView, FirstLabelAndParent) {
  const auto name = name_of("www.example.com");
  EXPECT_THAT(NameView(name).first_label(), ElementsAre('w', 'w', 'w'));
  EXPECT_EQ(NameView(name).parent(), name_of("example.com"));
  EXPECT_EQ(NameView(name).parent().parent().parent(), name_of("."));
  EXPECT_TRUE(NameView(name).parent().parent().parent().is_root());
  EXPECT_FALSE(NameView(name).is_root());
  EXPECT_TRUE(NameView().is_root());
}

TEST(NameView, InAMessage) {
  const auto message = MessageBuilder().question("www.example.com").bytes();
  EXPECT_EQ(NameView::at(message, header_size), name_of("www.example.com"));
  EXPECT_EQ(NameView::at(message, header_size + 4), name_of("example.com"));
  EXPECT_EQ(NameView::at(message, header_size + 16).size(), 1U);
}

TEST(NameView, IsWithinItselfAndItsAncestors) {
  const auto name = name_of("www.Example.com");
  for (const auto* const ancestor : {"www.example.com", "EXAMPLE.com", "com", "."})
    EXPECT_TRUE(NameView(name).is_within(name_of(ancestor))) << ancestor;
  for (const auto* const other : {"example.net", "a.www.example.com", "ww.example.com", "ample.com"})
    EXPECT_FALSE(NameView(name).is_within(name_of(other))) << other;
  EXPECT_EQ(NameView(name).labels_before(name_of("com")), 2U);
  EXPECT_EQ(NameView(name).labels_before(name), 0U);
  EXPECT_EQ(NameView(name).labels_before(name_of("net")), std::nullopt);
  // The last bytes of the first are those of the second, of which it is no descendant.
  const auto alike = single_label(std::string_view("x\3com", 5));
  EXPECT_FALSE(NameView(alike).is_within(name_of("com")));
}

TEST(NameView, ComparesAndHashesWithoutRegardToCase) {
  EXPECT_EQ(NameView(name_of("www.example.com")), name_of("WWW.example.COM"));
  EXPECT_NE(NameView(name_of("www.example.com")), name_of("www.example.net"));
  EXPECT_EQ(NameView(name_of("www.example.com")).hash(5), hash_name(name_of("WWW.example.com"), 5));
}

TEST(IsUtf8, PerLabel) {
  const std::string_view valid[] = {
      "www",
      "caf\xC3\xA9",
      "\xC2\x80",
      "\xDF\xBF",
      "\xE0\xA0\x80",
      "\xEF\xBF\xBF",
      "\xED\x9F\xBF",
      "\xEE\x80\x80",
      "\xF0\x90\x80\x80",
      "\xF4\x8F\xBF\xBF",
      "\xF0\x9F\x98\x80",
      "\xE6\x97\xA5\xE6\x9C\xAC",
      "\x01\x7F",
  };
  for (const auto label : valid) EXPECT_TRUE(is_utf8(joined({label_of("www"), label_of(label), {0}}))) << label;
  EXPECT_TRUE(is_utf8(Buffer{0}));
  // The table of bad messages has more labels that are not UTF-8. Here, each label is checked by itself.
  EXPECT_FALSE(is_utf8(joined({label_of("\xC3"), label_of("\xA9"), {0}})));
  EXPECT_FALSE(is_utf8(joined({label_of("caf\xC3\xA9"), label_of("\xE9"), {0}})));
}

// A second decoder after RFC 3629, which reads one character at a time.
bool is_utf8_slowly(Bytes text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::uint32_t lead = text[i];
    const std::size_t size = lead < 0x80 ? 1 : lead >> 5U == 6 ? 2 : lead >> 4U == 14 ? 3 : lead >> 3U == 30 ? 4 : 0;
    if (size == 0 || i + size > text.size()) return false;
    std::uint32_t character = size == 1 ? lead : lead & (0x7FU >> size);
    for (std::size_t k = 1; k < size; ++k) {
      if (text[i + k] >> 6U != 2) return false;
      character = character << 6U | (text[i + k] & 0x3FU);
    }
    static constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (character < smallest[size] || character > 0x10FFFF || (character >= 0xD800 && character < 0xE000)) return false;
    i += size;
  }
  return true;
}

TEST(IsUtf8, AgreesWithAnotherDecoderOnAllShortLabels) {
  for (std::uint32_t two = 0; two < 0x10000; ++two) {
    const Buffer label = {static_cast<std::uint8_t>(two >> 8U), static_cast<std::uint8_t>(two)};
    ASSERT_EQ(is_utf8(joined({{2}, label, {0}})), is_utf8_slowly(label)) << two;
    // The first two of four bytes; the other two are valid continuations or not.
    for (const auto last : Buffer{0x7F, 0x80, 0xBF, 0xC0}) {
      const auto four = joined({label, {0x80, last}});
      ASSERT_EQ(is_utf8(joined({{4}, four, {0}})), is_utf8_slowly(four)) << two;
      const auto three = joined({label, {last}});
      ASSERT_EQ(is_utf8(joined({{3}, three, {0}})), is_utf8_slowly(three)) << two;
    }
  }
}

}  // namespace
}  // namespace pillion::dns::testing
