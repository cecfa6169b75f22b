#include "config/nearest_word.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace pillion::config {
namespace {

constexpr std::array<std::string_view, 4> words{"size", "min_ttl", "max_ttl", "serve_stale"};

TEST(NearestWord, NeedsFewestChanges) {
  EXPECT_EQ(nearest_word("serve_stal", words), "serve_stale");
  EXPECT_EQ(nearest_word("servestale", words), "serve_stale");
  EXPECT_EQ(nearest_word("sreve_satle", words), "serve_stale");
  EXPECT_EQ(nearest_word("max-ttl", words), "max_ttl");
}

TEST(NearestWord, TheFirstOfSeveralThatAreAsNear) {
  EXPECT_EQ(nearest_word("mix_ttl", words), "min_ttl");
  EXPECT_EQ(nearest_word("m_ttl", std::array<std::string_view, 2>{"ma_ttl", "mi_ttl"}), "ma_ttl");
}

TEST(NearestWord, OneChangeForThreeCharactersAndOneInAnyCase) {
  EXPECT_EQ(nearest_word("sise", words), "size");
  EXPECT_EQ(nearest_word("ab", std::array<std::string_view, 1>{"a"}), "a");
  EXPECT_EQ(nearest_word("sixty", words), "");
  EXPECT_EQ(nearest_word("entirely", words), "");
}

TEST(NearestWord, LongTextResemblesNothing) {
  const std::string longest(64, 'x');
  const std::array<std::string_view, 1> same{longest};
  EXPECT_EQ(nearest_word(longest, same), longest);
  EXPECT_EQ(nearest_word(longest + "x", same), "");
}

}  // namespace
}  // namespace pillion::config
