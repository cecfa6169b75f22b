#pragma once
// Every error between us and an upstream, and the one table of its consequences.

#include <cstdint>
#include <string_view>

#include "dns/edns.hpp"
#include "dns/message.hpp"
#include "runtime/enum_array.hpp"

namespace pillion::upstream {

enum class Error : std::uint8_t {
  connect_refused,
  unreachable,
  connect_timeout,
  handshake_timeout,
  tls_failed,             // an alert, no common version or cipher, or bytes that are not TLS
  certificate_expired,    // or not yet valid
  certificate_name,       // neither a name nor an IP SAN matches
  certificate_untrusted,  // self-signed, or without a chain to a CA of ca_file
  certificate_invalid,    // any other failure of OpenSSL's verification
  pin_mismatch,
  alpn_mismatch,  // the server chose another protocol than "dot", or sent the alert no_application_protocol
  reset,
  closed,   // the connection ended with the query in flight, and the query was given up
  timeout,  // the time for the query ran out
  // No reply to the queries and a probe, or the server's kernel acknowledged nothing: the connection is given up.
  stalled,
  mismatched_reply,  // the reply has another id or question
  malformed_reply,
  query_too_large,  // too large for a datagram
  no_resources,     // the system has no descriptors, ports or memory left, or an exception was thrown
  overloaded,       // no connection has room, and the queue is full
  stopped,          // the upstream was stopped
  count_,
};

/// The cause of an error, and so what the error says something about.
enum class Blame : std::uint8_t {
  query,       ///< this question at this server; others are answered
  us,          ///< our own lack of room, or our own stop
  connection,  ///< the path, or the end of the connection; the server may be well
  server,      ///< the server, by its behaviour on a connection that had no answer yet
};

/// The consequences of an error.
struct ErrorTraits {
  std::string_view reason;  ///< label of the metric
  std::string_view text;    ///< text for people
  std::uint16_t rcode;      ///< response code of our answer
  std::uint16_t info_code;  ///< Extended DNS Error (RFC 8914) of our answer
  Blame blame;
  bool ask_another = true;           ///< True if another server may be asked within the query's budget
  bool may_be_cached = true;         ///< True if it may be cached as the name's failure (RFC 9520)
  bool is_of_handshake = false;      ///< True if it counts as a failed TLS handshake
  bool is_lasting = false;           ///< True if waiting does not help, so that queries fail at once
  bool is_mended_by_stream = false;  ///< for a datagram: True if the query may be answered over TCP
};

inline constexpr auto error_table = [] {
  using enum Blame;
  using namespace dns::extended_error;
  constexpr auto servfail = dns::rcode::servfail;
  return runtime::enum_array<Error, ErrorTraits>({
      {.reason = "connect_refused",
       .text = "connection refused",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server},
      {.reason = "unreachable",
       .text = "network unreachable",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server},
      {.reason = "connect_timeout",
       .text = "connect timed out",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server},
      {.reason = "handshake_timeout",
       .text = "TLS handshake timed out",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true},
      {.reason = "tls_failed",
       .text = "TLS handshake failed",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true},
      {.reason = "certificate_expired",
       .text = "certificate expired or not yet valid",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true,
       .is_lasting = true},
      {.reason = "certificate_name",
       .text = "certificate name mismatch",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true,
       .is_lasting = true},
      {.reason = "certificate_untrusted",
       .text = "certificate not signed by a trusted CA",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true,
       .is_lasting = true},
      {.reason = "certificate_invalid",
       .text = "certificate rejected",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true,
       .is_lasting = true},
      {.reason = "pin_mismatch",
       .text = "no pin matches the certificate's key",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true,
       .is_lasting = true},
      {.reason = "alpn_mismatch",
       .text = "ALPN protocol is not dot",
       .rcode = servfail,
       .info_code = network_error,
       .blame = server,
       .is_of_handshake = true,
       .is_lasting = true},
      {.reason = "reset",
       .text = "connection reset",
       .rcode = servfail,
       .info_code = network_error,
       .blame = connection},
      {.reason = "closed",
       .text = "connection closed before the answer",
       .rcode = servfail,
       .info_code = network_error,
       .blame = connection},
      {.reason = "timeout",
       .text = "no answer in time",
       .rcode = servfail,
       .info_code = no_reachable_authority,
       .blame = query},
      {.reason = "stalled",
       .text = "connection stalled",
       .rcode = servfail,
       .info_code = no_reachable_authority,
       .blame = connection},
      {.reason = "mismatched_reply",
       .text = "reply does not match any question",
       .rcode = servfail,
       .info_code = network_error,
       .blame = query,
       .is_mended_by_stream = true},
      {.reason = "malformed_reply",
       .text = "malformed reply",
       .rcode = servfail,
       .info_code = network_error,
       .blame = query},
      {.reason = "query_too_large",
       .text = "query too large for a datagram",
       .rcode = servfail,
       .info_code = network_error,
       .blame = query,
       .is_mended_by_stream = true},
      {.reason = "no_resources",
       .text = "no descriptors, ports or memory left",
       .rcode = dns::rcode::refused,
       .info_code = other,
       .blame = us,
       .ask_another = false,
       .may_be_cached = false},
      {.reason = "overloaded",
       .text = "too many queries in flight",
       .rcode = dns::rcode::refused,
       .info_code = other,
       .blame = us,
       .ask_another = false,
       .may_be_cached = false},
      {.reason = "stopped",
       .text = "the upstream is being stopped",
       .rcode = dns::rcode::refused,
       .info_code = other,
       .blame = us,
       .ask_another = false,
       .may_be_cached = false},
  });
}();

[[nodiscard]] constexpr const ErrorTraits& traits(Error error) {
  return error_table[error];
}

}  // namespace pillion::upstream
