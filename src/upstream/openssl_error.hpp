#pragma once
// What OpenSSL's error codes mean.

#include <optional>
#include <string>

namespace pillion::upstream {

/// The alert (RFC 8446 section 6) by which the server has ended the handshake, or nullopt if the error is not an
/// alert.
[[nodiscard]] std::optional<int> alert_of(unsigned long code);

/// The reason that a code of ERR_get_error(3) stands for, in English, and what it means where the reason does not say
/// it; says so if the code is 0.
[[nodiscard]] std::string openssl_text(unsigned long code);

/// Throws std::runtime_error with `what` and OpenSSL's oldest error, unless `done`.
void must(bool done, const std::string& what);

}  // namespace pillion::upstream
