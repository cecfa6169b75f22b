// The cost of a YAML document beside the bytes that are allocated while yaml-cpp reads it. This program counts them.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <malloc.h>
#include <yaml-cpp/yaml.h>

#include "config/yaml_cost.hpp"

namespace {
// The program has one thread.
std::size_t allocated = 0;
std::size_t most_allocated = 0;
}  // namespace

// Not inlined: g++ 12 would warn that free() does not match the operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  allocated += ::malloc_usable_size(memory);
  most_allocated = std::max(most_allocated, allocated);
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory != nullptr) allocated -= ::malloc_usable_size(memory);
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace pillion::config {
namespace {

std::string repeated(std::string_view unit, std::size_t count) {
  std::string text;
  while (count-- > 0) text += unit;
  return text;
}

/// The bytes that yaml-cpp has allocated at the same time.
std::size_t bytes_to_read(const std::string& yaml) {
  const auto before = allocated;
  most_allocated = allocated;
  std::size_t most = 0;
  try {
    static_cast<void>(YAML::LoadAll(yaml));
    most = most_allocated;
  } catch (const YAML::Exception&) {
    most = most_allocated;  // what was allocated until then
  }
  return most - before;
}

struct Shape {
  std::string_view start;
  std::string_view unit;
  std::string_view end;
};

class YamlCost : public ::testing::TestWithParam<Shape> {};

TEST_P(YamlCost, IsAtLeastWhatReadingTakes) {
  const auto& [start, unit, end] = GetParam();
  const auto yaml = std::string(start) + repeated(unit, 5'000) + std::string(end);
  EXPECT_LE(bytes_to_read(yaml), yaml_cost(yaml)) << start << unit << end;
}

// clang-format off
INSTANTIATE_TEST_SUITE_P(Shapes, YamlCost, ::testing::Values(
    Shape{"[", ",", "]"}, Shape{"[", "1,", "]"}, Shape{"[", "'',", "]"}, Shape{"[", "\"\",", "]"}, Shape{"[", "{},", "]"},
    Shape{"[", "[],", "]"}, Shape{"[", "{a: 1},", "]"}, Shape{"[", "{\"a\":1},", "]"}, Shape{"{", "? a : b,", "}"},
    Shape{"{", "a: b,", "}"}, Shape{"{", "a:,", "}"}, Shape{"[", "a: b,", "]"}, Shape{"[", "? ,", "]"}, Shape{"[", "?,", "]"},
    Shape{"{", "[]: 1,", "}"}, Shape{"{", "\"a\":1,", "}"}, Shape{"{", "{}:1,", "}"}, Shape{"", "- 1\n", ""}, Shape{"", "-\n", ""},
    Shape{"", "-\r\n", ""}, Shape{"", "- - 1\n", ""}, Shape{"", "- {a: 1}\n", ""}, Shape{"", "- a: 1\n", ""}, Shape{"", "a: 1\n", ""},
    Shape{"", "a:\n", ""}, Shape{"", "?\n", ""}, Shape{"", "? a\n: b\n", ""}, Shape{"", "---\n", ""}, Shape{"", "--- a\n", ""},
    Shape{"", "--- \n", ""}, Shape{"", "a\n...\n", ""}, Shape{"", "...\n", ""}, Shape{"", "[", ""}, Shape{"", "{", ""}, Shape{"", "[{", ""},
    Shape{"", "&a ", ""}, Shape{"", "!a ", ""}, Shape{"", "*a ", ""}, Shape{"", "\"\"", ""}, Shape{"", "'a' ", ""}, Shape{"", "\"a\"\n", ""},
    Shape{"", "[]", ""}, Shape{"", "{}", ""}, Shape{"", "- ", ""}, Shape{"", "? ", ""}, Shape{"", ": ", ""}, Shape{"[", "&a 1,", "]"},
    Shape{"[", "!a 1,", "]"}, Shape{"x: &a 1\ny: [", "*a,", "]"}, Shape{"[", "!<x> 1,", "]"}, Shape{"", "#\n", ""}, Shape{"", "\n", ""},
    Shape{"a: ", "x ", ""}, Shape{"a: ", "x\n ", ""}, Shape{"a: \"", "x", "\""}, Shape{"a: |\n", " x\n", ""}, Shape{"", "%a b\n", ""},
    Shape{"", "]", ""}, Shape{"", "\t", ""}, Shape{"", "- \"www 300 IN A 192.0.2.1\"\n", ""}, Shape{"[", "\"www A 192.0.2.1\",", "]"}));
// clang-format on

TEST(YamlCost, OfRecordsIsAtMostTwiceWhatReadingTakes) {
  for (const auto* const unit : {"- \"www 300 IN AAAA 2001:db8::1\"\n", "- www 300 IN AAAA 2001:db8::1\n"}) {
    const auto yaml = repeated(unit, 20'000);
    EXPECT_GE(2 * bytes_to_read(yaml), yaml_cost(yaml)) << unit;
  }
}

}  // namespace
}  // namespace pillion::config
