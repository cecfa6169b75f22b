#pragma once
// Remembers how recent names are written. Most queries ask for few names, and a hash of a name takes a hundred times as
// long as a look at this table. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "dns/wire.hpp"

namespace pillion::telemetry {

class NameTexts {
 public:
  static constexpr std::size_t max_text = 64;  ///< bytes: those of a hash

  /// A name's place. It has the text of one name, or none.
  class Place {
   public:
    [[nodiscard]] bool has(dns::Bytes name) const {
      return name_size_ == name.size() && std::memcmp(name_.data(), name.data(), name.size()) == 0;
    }
    /// Copies the text to `out`, which has room for `max_text`. Returns the end of the text.
    char* copy(char* out) const {
      std::memcpy(out, text_.data(), max_text);
      return out + text_size_;
    }
    /// Replaces what the place has, unless the text is longer than `max_text`, or empty since a hash has failed. The
    /// name is one for which fits() is true.
    void keep(dns::Bytes name, std::string_view text) {
      if (text.empty() || text.size() > max_text) return;
      name_size_ = static_cast<std::uint8_t>(name.size());
      text_size_ = static_cast<std::uint8_t>(text.size());
      std::memcpy(name_.data(), name.data(), name.size());
      std::memcpy(text_.data(), text.data(), text.size());
    }

   private:
    friend class NameTexts;
    static constexpr std::size_t max_name = 62;

    std::uint8_t name_size_ = 0;  // 0: none
    std::uint8_t text_size_ = 0;
    std::array<std::uint8_t, max_name> name_{};
    std::array<char, max_text> text_{};
  };

  /// True if a name in wire form has a place. Very short and very long ones have none.
  [[nodiscard]] static bool fits(dns::Bytes name) { return name.size() - word <= Place::max_name - word; }
  /// The place of the name, which may have the text of another one.
  [[nodiscard]] Place& place_of(dns::Bytes name) { return (*places_)[hash_of(name) >> (64U - index_bits)]; }

 private:
  static constexpr std::size_t index_bits = 10;
  static constexpr std::size_t places = std::size_t{1} << index_bits;  // 128 KiB
  static constexpr std::size_t word = sizeof(std::uint64_t);

  /// Its highest bits depend on all bytes. An attacker who finds names with equal hashes only makes us write them anew.
  [[nodiscard]] static std::uint64_t hash_of(dns::Bytes name) {
    std::uint64_t hash = 0;
    const auto add = [&](std::size_t at) {
      std::uint64_t part = 0;
      std::memcpy(&part, name.data() + at, word);
      hash = (hash ^ part) * 0x9E3779B97F4A7C15;
    };
    const auto last = name.size() - word;
    for (std::size_t at = 0; at < last; at += word) add(at);
    add(last);
    return hash;
  }

  std::unique_ptr<std::array<Place, places>> places_ = std::make_unique<std::array<Place, places>>();
};

}  // namespace pillion::telemetry
