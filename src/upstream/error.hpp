#pragma once
// Everything that can go wrong between us and an upstream, and the one table that says what follows from it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pillion::upstream {

enum class Error : std::uint8_t {
  connect_refused,
  unreachable,
  connect_timeout,
  handshake_timeout,
  tls_failed,             // an alert, no common version or cipher, bytes that are not TLS
  certificate_expired,    // or not yet valid
  certificate_name,       // neither a name nor an IP SAN matches
  certificate_untrusted,  // self-signed, or no chain to a CA of ca_file
  certificate_invalid,    // any other verdict of OpenSSL's verification
  pin_mismatch,
  alpn_mismatch,  // the server chose a protocol that is not "dot", or sent the alert no_application_protocol
  reset,
  closed,            // an orderly close with queries in flight, after their one replay
  timeout,           // the query's budget ran out
  stalled,           // the oldest query waited too long: the connection is given up
  mismatched_reply,  // wrong id or wrong question
  malformed_reply,
  overloaded,  // no connection has room and the waiting queue is full
  no_server,   // every server is backed off
  count_,
};

/// What follows from an error: the metric label, the Extended DNS Error (RFC 8914) that the client's SERVFAIL carries,
/// and whether another server may be asked within the query's budget.
struct ErrorTraits {
  std::string_view reason;
  std::string_view text;
  std::uint16_t info_code;
  bool retry;
};

/// Info codes: 22 No Reachable Authority, 23 Network Error (RFC 8914 4.23, 4.24).
inline constexpr std::array<ErrorTraits, static_cast<std::size_t>(Error::count_)> error_table = {{
    {"connect_refused", "connection refused", 23, true},
    {"unreachable", "network unreachable", 23, true},
    {"connect_timeout", "connect timed out", 23, true},
    {"handshake_timeout", "TLS handshake timed out", 23, true},
    {"tls_failed", "TLS handshake failed", 23, true},
    {"certificate_expired", "certificate expired or not yet valid", 23, true},
    {"certificate_name", "certificate name mismatch", 23, true},
    {"certificate_untrusted", "certificate not signed by a trusted CA", 23, true},
    {"certificate_invalid", "certificate rejected", 23, true},
    {"pin_mismatch", "no pin matches the certificate's key", 23, true},
    {"alpn_mismatch", "ALPN protocol is not dot", 23, true},
    {"reset", "connection reset", 23, true},
    {"closed", "connection closed before the answer", 23, true},
    {"timeout", "no answer in time", 22, true},
    {"stalled", "connection stalled", 22, true},
    {"mismatched_reply", "reply does not match any question", 23, true},
    {"malformed_reply", "malformed reply", 23, true},
    {"overloaded", "too many queries in flight", 23, false},
    {"no_server", "no server is reachable", 22, false},
}};

[[nodiscard]] constexpr const ErrorTraits& traits(Error error) {
  return error_table[static_cast<std::size_t>(error)];
}

}  // namespace pillion::upstream
