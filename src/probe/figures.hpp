#pragma once
// The measurements of one server.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probe/statistics.hpp"
#include "runtime/clock.hpp"
#include "upstream/error.hpp"

namespace pillion::probe {

/// One certificate of the server's chain.
struct CertificateFacts {
  std::string subject;             ///< as RFC 2253 writes it: "CN=a.example,O=Example"
  std::string issuer;              ///< in the same form
  std::vector<std::string> names;  ///< DNS and IP SANs
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
  std::string pin;  ///< "sha256/BASE64=" as in the configuration's `pins`; empty if OpenSSL cannot compute it
};

/// Why the server could not be measured.
struct ProbeFailure {
  upstream::Error error = upstream::Error::closed;
  std::string detail;  ///< the message of the operating system or OpenSSL; may be empty
};

struct TlsFigures {
  std::optional<runtime::Duration> full;     ///< median of the full handshakes, without TCP's handshake
  std::optional<runtime::Duration> resumed;  ///< median of the resumed handshakes; nullopt if the server resumed none
  std::string version;                       ///< "TLSv1.3"
  std::string group;                         ///< "X25519MLKEM768"
  std::string cipher;                        ///< "TLS_AES_256_GCM_SHA384"
  /// The server's own first; of a failed handshake, the part that OpenSSL could build.
  std::vector<CertificateFacts> chain;
};

/// Answers to queries for names of one kind, asked one after the other.
struct LatencyFigures {
  std::optional<Percentiles> latency;  ///< nullopt if the server answered nothing
  unsigned asked = 0;
  unsigned unanswered = 0;
  std::optional<upstream::Error> error{};  ///< why the first of those had no answer
  unsigned refused = 0;                    ///< answered SERVFAIL, REFUSED, FORMERR or NOTIMP
  std::optional<std::uint16_t> rcode{};    ///< the RCODE of the first of those
};

struct PipelineFigures {
  unsigned answered = 0;
  runtime::Duration took{};  ///< from the first query to the last answer
  std::size_t in_flight = 0;
};

/// The number of queries on one connection that the server works on at once.
struct InFlightFigures {
  std::size_t served = 0;  ///< the server's limit, or the largest number that was tried
  bool is_limit = false;   ///< True if the server has a limit: it stops reading, or answers in order
};

/// An answer that shows how the server behaves.
struct Behaviour {
  std::uint16_t rcode = 0;
  bool is_authentic = false;  ///< AD
  bool is_truncated = false;  ///< TC
  std::size_t size = 0;       ///< bytes
  unsigned records = 0;       ///< in the answer section
};

struct IdleFigures {
  /// Time from the last answer to the server's close; nullopt if it was still open at the end.
  std::optional<runtime::Duration> closed_after;
  runtime::Duration waited{};
};

struct ProbeFigures {
  std::optional<ProbeFailure> failure;       ///< the first failure; the other figures were measured before it
  std::optional<runtime::Duration> connect;  ///< median of the TCP handshakes; nullopt over UDP
  std::optional<TlsFigures> tls;             ///< nullopt without TLS
  LatencyFigures hot;
  LatencyFigures cold;
  std::optional<InFlightFigures>
      in_flight;  ///< nullopt over UDP, and if cold names are answered as fast as the hot one
  std::optional<PipelineFigures> pipelined;
  unsigned closes = 0;  ///< connections that the server closed during the measurement
  bool has_edns = false;
  std::optional<std::chrono::milliseconds> keepalive;  ///< the idle timeout that the server states (RFC 7828)
  std::optional<std::size_t> padding;                  ///< block size in bytes; nullopt if answers are not padded
  std::optional<Behaviour> signed_name;                ///< the zone's own name with DO set
  std::optional<Behaviour> bogus_name;
  std::optional<Behaviour> missing_name;  ///< a random name under `invalid.` (RFC 6761 section 6.4)
  std::optional<Behaviour> large_answer;
  std::optional<Behaviour> large_over_tcp;     ///< set if the answer over UDP was truncated
  std::vector<std::uint16_t> extended_errors;  ///< INFO-CODEs seen (RFC 8914), each once
  std::optional<IdleFigures> idle;
  std::chrono::system_clock::time_point measured_at;
};

}  // namespace pillion::probe
