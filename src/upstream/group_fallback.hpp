#pragma once
// Whether a ClientHello offers the post-quantum groups. With them it takes two packets, and there are paths that drop
// the second, and servers that read only the first. Pure.

#include <chrono>
#include <cstdint>

#include "runtime/clock.hpp"

namespace pillion::upstream {

enum class Groups : std::uint8_t {
  all,
  classical,  // all but the post-quantum ones
};

/// After two handshakes in a row to which the server sent not one byte, the next one offers the classical groups alone.
/// Where that one is answered, so do those of the next ten minutes; where it is not, the groups were not the reason.
class GroupFallback {
 public:
  static constexpr unsigned patience = 2;
  static constexpr std::chrono::minutes remembered{10};

  [[nodiscard]] Groups to_offer(runtime::Time now) const {
    return now < classical_until_ || unanswered_ >= patience ? Groups::classical : Groups::all;
  }
  /// The server sent something, or the handshake is done.
  void answered(Groups offered, runtime::Time now) {
    if (offered == Groups::all) {
      unanswered_ = 0;
    } else if (unanswered_ >= patience) {
      classical_until_ = now + remembered;
      // What was seen once needs to be seen but once more.
      unanswered_ = patience - 1;
    }
  }
  /// The connection ended without a byte from the server.
  void unanswered(Groups offered) {
    if (offered == Groups::all) {
      ++unanswered_;
    } else if (unanswered_ >= patience) {
      unanswered_ = 0;
    }
  }

 private:
  unsigned unanswered_ = 0;  // in a row, of those that offered all groups
  runtime::Time classical_until_ = runtime::Time::min();
};

}  // namespace pillion::upstream
