#include "telemetry/plain_name.hpp"

#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "dns/name.hpp"

namespace pillion::telemetry {
namespace {

/// The text of the name, or "needs escapes".
std::string text_of(dns::Bytes name) {
  std::string text(name.size() + plain_name_spare, '!');
  const char* const end = write_plain_name(name, text.data());
  if (end == nullptr) return "needs escapes";
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

TEST(PlainName, IsWrittenWithoutTheFinalDot) {
  for (const std::string_view name : {"a", "example.org", "_tcp.a-b.EXAMPLE", "a.b.c.d.e.f.0.1.2.3.4.5.6.7.8.9",
                                      "fifteen-letters", "sixteen--letters", "seventeen-letters", "z.Z.9_"})
    EXPECT_EQ(text_of(dns::parse_name(name).value()), name);
}

TEST(PlainName, MayHaveTheGreatestSize) {
  const std::string label(63, 'x');
  const auto text = label + '.' + label + '.' + label + '.' + std::string(61, 'y');
  const auto name = dns::parse_name(text).value();
  ASSERT_EQ(name.size(), dns::max_name_size);
  EXPECT_EQ(text_of(name), text);
}

TEST(PlainName, TheRootIsNone) {
  EXPECT_EQ(text_of(dns::parse_name(".").value()), "needs escapes");
}

TEST(PlainName, NoCharacterThatNeedsAnEscapeIsMissed) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  for (const std::size_t size : {1U, 8U, 16U, 17U, 32U, 63U}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned character = 0; character < 256; ++character) {
        dns::Buffer name{1, 'a', static_cast<std::uint8_t>(size)};
        name.insert(name.end(), size, 'a');
        name[3 + at] = static_cast<std::uint8_t>(character);
        name.push_back(0);
        const bool is_plain = plain.contains(static_cast<char>(character));
        ASSERT_EQ(text_of(name) != "needs escapes", is_plain) << character << " at " << at << " of " << size;
      }
    }
  }
}

}  // namespace
}  // namespace pillion::telemetry
