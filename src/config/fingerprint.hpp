#pragma once
// A fingerprint of a file's content.

#include <cstdint>
#include <string_view>

namespace pillion::config {

/// Two different contents have the same fingerprint by chance once in 2^64.
struct Fingerprint {
  bool readable = false;
  std::uint64_t size = 0;                   ///< bytes of the content
  std::uint64_t hash = 0xcbf29ce484222325;  ///< FNV-1a of 64 bits

  /// Appends `bytes` to the content.
  void add(std::string_view bytes) {
    constexpr std::uint64_t prime = 0x100000001b3;
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * prime;
    size += bytes.size();
  }
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

[[nodiscard]] inline Fingerprint fingerprint_of_text(std::string_view text) {
  Fingerprint fingerprint{.readable = true};
  fingerprint.add(text);
  return fingerprint;
}

}  // namespace pillion::config
