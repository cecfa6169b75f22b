#pragma once
// OpenSSL's errors, for the test servers and clients.

#include <string>
#include <string_view>

namespace pillion::test {

/// The first error of OpenSSL's queue as text, "" for none; empties the queue.
[[nodiscard]] std::string take_tls_error();

/// Throws std::runtime_error with `what` and OpenSSL's error, unless `done`.
void check_tls(bool done, std::string_view what);

}  // namespace pillion::test
