#pragma once
// Writes text into a buffer that is known to be large enough, without a check for each piece. Pure.

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pillion::telemetry {

class LineWriter {
 public:
  /// Writes from `at` on. The caller ensures that there is room for everything that follows.
  explicit LineWriter(char* at) : at_(at) {}

  [[nodiscard]] char* position() const { return at_; }
  /// Continues at `position`, after the caller has written to the buffer itself.
  void go_to(char* position) { at_ = position; }

  void character(char c) { *at_++ = c; }
  /// Appends a literal, whose size the compiler knows.
  template <std::size_t Size>
  void literal(const char (&text)[Size]) {
    std::memcpy(at_, text, Size - 1);
    at_ += Size - 1;
  }
  void text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void number(std::unsigned_integral auto number) {
    constexpr std::size_t most_digits = 20;
    at_ = std::to_chars(at_, at_ + most_digits, number).ptr;
  }
  /// Appends a message's id. All ids are about equally frequent, or a client counts from 0.
  void short_number(std::uint16_t value) {
    const std::uint32_t hundreds = value / 100U;
    const std::uint32_t rest = value - hundreds * 100U;
    if (value >= 10'000) {
      const std::uint32_t first = hundreds / 100U;
      digit(first);
      two_digits(hundreds - first * 100U);
      two_digits(rest);
    } else if (value >= 100) {
      one_or_two_digits(hundreds);
      two_digits(rest);
    } else {
      one_or_two_digits(rest);
    }
  }
  /// Appends the six last digits, with leading zeros.
  void six_digits(std::uint32_t number) {
    for (std::uint32_t i = 6; i > 0; --i, number /= 10) at_[i - 1] = static_cast<char>('0' + number % 10);
    at_ += 6;
  }

 private:
  static constexpr auto pairs = [] {
    std::array<std::array<char, 2>, 100> all{};
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
    return all;
  }();
  /// Appends a number below 100 without a leading zero.
  void one_or_two_digits(std::uint32_t number) {
    if (number >= 10) {
      two_digits(number);
    } else {
      digit(number);
    }
  }
  void digit(std::uint32_t number) { character(static_cast<char>('0' + number)); }
  void two_digits(std::uint32_t number) {
    std::memcpy(at_, pairs[number].data(), 2);
    at_ += 2;
  }

  char* at_;
};

}  // namespace pillion::telemetry
