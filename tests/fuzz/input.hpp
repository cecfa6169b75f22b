#pragma once
// The bytes of an input, from which a target draws events.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "dns/wire.hpp"

namespace pillion::fuzz {

/// After the last byte come zeros.
class Input {
 public:
  explicit Input(dns::Bytes bytes) : bytes_(bytes) {}
  [[nodiscard]] bool is_over() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::size_t below(std::size_t limit) { return byte() % limit; }
  dns::Bytes take(std::size_t size) {
    const auto taken = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  dns::Bytes bytes_;
};

}  // namespace pillion::fuzz
