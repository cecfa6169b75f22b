#pragma once
// Decides whether a ClientHello offers the post-quantum groups. With them it takes two packets. Some paths drop the
// second one, and some servers read only the first. Pure.

#include <chrono>
#include <cstdint>

#include "runtime/clock.hpp"

namespace pillion::upstream {

enum class Groups : std::uint8_t {
  all,
  classical,  // all except the post-quantum ones
};

/// After two handshakes in a row without a byte from the server, the next one offers only the classical groups. If
/// that one is answered, handshakes of the next ten minutes offer only these too. If it is not, the groups were not
/// the reason.
class GroupFallback {
 public:
  static constexpr unsigned patience = 2;
  static constexpr std::chrono::minutes remembered{10};

  [[nodiscard]] Groups to_offer(runtime::Time now) const {
    return now < classical_until_ || unanswered_ >= patience ? Groups::classical : Groups::all;
  }
  /// The server has sent something, or the handshake has succeeded.
  void answered(Groups offered, runtime::Time now) {
    if (offered == Groups::all) {
      unanswered_ = 0;
    } else if (unanswered_ >= patience) {
      classical_until_ = now + remembered;
      // After ten minutes, one unanswered handshake is enough to fall back again.
      unanswered_ = patience - 1;
    }
  }
  /// The connection has ended without a byte from the server.
  void unanswered(Groups offered) {
    if (offered == Groups::all) {
      ++unanswered_;
    } else if (unanswered_ >= patience) {
      unanswered_ = 0;
    }
  }

 private:
  unsigned unanswered_ = 0;  // consecutive unanswered handshakes that offered all groups
  runtime::Time classical_until_ = runtime::Time::min();
};

}  // namespace pillion::upstream
