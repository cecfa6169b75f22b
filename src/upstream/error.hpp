#pragma once
// Everything that can go wrong between us and an upstream, and the one table that says what follows from it.

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
  tls_failed,             // an alert, no common version or cipher, bytes that are not TLS
  certificate_expired,    // or not yet valid
  certificate_name,       // neither a name nor an IP SAN matches
  certificate_untrusted,  // self-signed, or no chain to a CA of ca_file
  certificate_invalid,    // any other verdict of OpenSSL's verification
  pin_mismatch,
  alpn_mismatch,  // the server chose a protocol that is not "dot", or sent the alert no_application_protocol
  reset,
  closed,            // an orderly close with the query in flight, and again where it was alone
  timeout,           // the query's budget ran out
  stalled,           // neither the queries nor a probe were answered: the connection is given up
  mismatched_reply,  // wrong id or wrong question
  malformed_reply,
  query_too_large,  // for a datagram
  no_resources,     // the system has no descriptors, ports or memory left for us
  overloaded,       // no connection has room and the waiting queue is full
  stopped,          // we ask nobody any more
  count_,
};

/// Who is to blame for an error, and so whom it says something about.
enum class Blame : std::uint8_t {
  query,       ///< this question at this server: others are answered
  us,          ///< our own lack of room, or our own end
  connection,  ///< the path, or the connection's end: the server may be well
  server,      ///< what it did, or did not, on a connection that had no answer yet
};

/// What follows from an error.
struct ErrorTraits {
  std::string_view reason;  ///< the metric's label
  std::string_view text;    ///< for people
  std::uint16_t rcode;      ///< of our answer
  std::uint16_t info_code;  ///< the Extended DNS Error (RFC 8914) of our answer
  Blame blame;
  bool ask_another = true;           ///< another server may be asked within the query's budget
  bool may_be_cached = true;         ///< as the failure of the name (RFC 9520)
  bool is_of_handshake = false;      ///< counts as a TLS handshake that failed
  bool is_lasting = false;           ///< waiting does not mend it: queries fail at once
  bool is_mended_by_stream = false;  ///< of a datagram: asked over TCP, the query may be answered
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
       .text = "asking has ended",
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
