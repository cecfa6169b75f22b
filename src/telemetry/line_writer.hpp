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
  /// Appends the six last digits, with leading zeros.
  void six_digits(std::uint32_t number) {
    for (std::uint32_t i = 6; i > 0; --i, number /= 10) at_[i - 1] = static_cast<char>('0' + number % 10);
    at_ += 6;
  }

 private:
  char* at_;
};

}  // namespace pillion::telemetry
