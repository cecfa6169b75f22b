#pragma once
// A buffer for one line. Literals, whose lengths the compiler knows, are copied inline. Pure.

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "telemetry/escaped_text.hpp"

namespace pillion::telemetry {

class LineText {
 public:
  void clear() { size_ = 0; }
  [[nodiscard]] std::string_view text() const { return {buffer_.data(), size_}; }

  /// Appends a literal without a check of the room. The caller ensures that all literals and numbers of a line have
  /// less than `for_words` bytes in total.
  template <std::size_t size>
  void put(const char (&word)[size]) {
    std::memcpy(buffer_.data() + size_, word, size - 1);
    size_ += size - 1;
  }
  void put_number(std::integral auto number) {
    const auto end = std::to_chars(buffer_.data() + size_, buffer_.data() + buffer_.size(), number).ptr;
    size_ = static_cast<std::size_t>(end - buffer_.data());
  }
  /// Appends text from a peer or the configuration. What has no room is cut.
  void put_text(std::string_view text) {
    const auto taken = std::min(text.size(), room());
    std::memcpy(buffer_.data() + size_, text.data(), taken);
    size_ += taken;
  }
  void put_character(char character) {
    if (room() > 0) buffer_[size_++] = character;
  }
  /// Appends the text escaped for a JSON string.
  void put_escaped(std::string_view text) {
    escaped_.clear();
    append_escaped(escaped_, text, {.quoted = true});
    put_text(escaped_);
  }
  /// Cuts the line to `size` bytes, which it has had before.
  void shorten(std::size_t size) { size_ = size; }
  void replace(std::size_t at, char character) { buffer_[at] = character; }

 private:
  static constexpr std::size_t for_words = 1024;
  static constexpr std::size_t capacity = 8192;

  [[nodiscard]] std::size_t room() const { return capacity - for_words - std::min(size_, capacity - for_words); }

  std::array<char, capacity> buffer_;
  std::size_t size_ = 0;
  std::string escaped_;
};

}  // namespace pillion::telemetry
