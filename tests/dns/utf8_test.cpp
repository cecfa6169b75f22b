#include "dns/utf8.hpp"

#include <string>

#include <gtest/gtest.h>

namespace pillion::dns::testing {
namespace {

TEST(CharacterSize, OfTheFirstCharacter) {
  EXPECT_EQ(character_size("a\xC3\xA9"), 1U);
  EXPECT_EQ(character_size("\xC3\xA9x"), 2U);
  EXPECT_EQ(character_size("\xE6\x97\xA5x"), 3U);
  EXPECT_EQ(character_size("\xF0\x9F\x98\x80x"), 4U);
}

TEST(CharacterSize, IsZeroForWhatIsNoCharacter) {
  for (const auto* const text : {"\xA9", "\xC3", "\xC3x", "\xC1\x81", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE6\x97",
                                 "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF0\x9F\x98", "\xF5\x80\x80\x80", "\xFF"})
    EXPECT_EQ(character_size(text), 0U) << text;
}

TEST(IsAscii, LooksAtEachByte) {
  for (std::size_t size = 0; size <= 20; ++size) {
    std::string text(size, '\x7F');
    const auto bytes_of = [](const std::string& of) {
      return Bytes(reinterpret_cast<const std::uint8_t*>(of.data()), of.size());
    };
    EXPECT_TRUE(is_ascii(bytes_of(text)));
    for (std::size_t place = 0; place < size; ++place) {
      auto other = text;
      other[place] = '\x80';
      EXPECT_FALSE(is_ascii(bytes_of(other))) << size << ' ' << place;
    }
  }
}

TEST(CutAtCharacter, NeverInsideOfOne) {
  constexpr std::string_view text = "a\xC3\xA9\xF0\x9F\x98\x80z";
  EXPECT_EQ(cut_at_character(text, 0), "");
  EXPECT_EQ(cut_at_character(text, 1), "a");
  EXPECT_EQ(cut_at_character(text, 2), "a");
  EXPECT_EQ(cut_at_character(text, 3), "a\xC3\xA9");
  for (const std::size_t limit : {4U, 5U, 6U}) EXPECT_EQ(cut_at_character(text, limit), "a\xC3\xA9") << limit;
  EXPECT_EQ(cut_at_character(text, 7), "a\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(cut_at_character(text, 8), text);
  EXPECT_EQ(cut_at_character(text, 100), text);
}

TEST(CharacterCount, CountsCharactersNotBytes) {
  EXPECT_EQ(character_count(""), 0U);
  EXPECT_EQ(character_count("a\xC3\xA9\xF0\x9F\x98\x80z"), 4U);
}

}  // namespace
}  // namespace pillion::dns::testing
