#include "runtime/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace pillion::runtime {

void Random::take(std::uint8_t* out, std::size_t size) {
  if (block_.size() - used_ < size) {
    // The kernel returns at most 256 bytes for sure (getrandom(2)), and a signal may interrupt it.
    for (std::size_t filled = 0; filled < block_.size();) {
      const auto got = ::getrandom(block_.data() + filled, block_.size() - filled, 0);
      if (got < 0) {
        if (errno == EINTR) continue;
        throw std::system_error(errno, std::generic_category(), "getrandom");
      }
      filled += static_cast<std::size_t>(got);
    }
    used_ = 0;
  }
  std::memcpy(out, block_.data() + used_, size);
  used_ += size;
}

std::uint16_t Random::u16() {
  std::uint16_t value = 0;
  take(reinterpret_cast<std::uint8_t*>(&value), sizeof value);
  return value;
}

std::uint64_t Random::u64() {
  std::uint64_t value = 0;
  take(reinterpret_cast<std::uint8_t*>(&value), sizeof value);
  return value;
}

double Random::unit() {
  return static_cast<double>(u64() >> 11U) * 0x1.0p-53;
}

}  // namespace pillion::runtime
