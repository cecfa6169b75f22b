#include "runtime/enum_array.hpp"

#include <cstdint>
#include <string_view>

#include <gmock/gmock.h>

namespace pillion::runtime::testing {
namespace {

using ::testing::ElementsAre;

enum class Colour : std::uint8_t { red, green, blue, count_ };
enum class Side : std::uint8_t { left, right };

TEST(EnumArray, IsIndexedByEnumerators) {
  constexpr auto names = enum_array<Colour, std::string_view>({"red", "green", "blue"});
  static_assert(names.size() == 3);
  EXPECT_EQ(names[Colour::red], "red");
  EXPECT_EQ(names[Colour::blue], "blue");
  EnumArray<Colour, int> counts{};
  counts[Colour::green] = 2;
  EXPECT_THAT(counts, ElementsAre(0, 2, 0));
}

TEST(EnumArray, TakesASizeWhereTheEnumerationHasNone) {
  constexpr EnumArray<Side, std::string_view, 2> names = {"left", "right"};
  EXPECT_EQ(names[Side::right], "right");
}

TEST(Enumerators, AreAllInOrder) {
  EXPECT_THAT(enumerators<Colour>, ElementsAre(Colour::red, Colour::green, Colour::blue));
}

}  // namespace
}  // namespace pillion::runtime::testing
