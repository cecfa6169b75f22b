#pragma once
// Unpredictable numbers for message ids, ports and jitter (RFC 5452 section 4.3). They come from the kernel's
// generator, a block at a time. Throws std::system_error if the kernel has none.

#include <array>
#include <cstddef>
#include <cstdint>

namespace pillion::runtime {

class Random {
 public:
  [[nodiscard]] std::uint16_t u16();
  [[nodiscard]] std::uint64_t u64();
  /// Uniform in [0, 1).
  [[nodiscard]] double unit();

 private:
  void take(std::uint8_t* out, std::size_t size);

  std::array<std::uint8_t, 512> block_{};
  std::size_t used_ = block_.size();
};

}  // namespace pillion::runtime
