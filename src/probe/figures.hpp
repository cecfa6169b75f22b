#pragma once
// What was measured of one server.

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
  std::string issuer;              ///< the same
  std::vector<std::string> names;  ///< DNS and IP SANs
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
  std::string pin;  ///< "sha256/BASE64=", as the configuration's `pins` have it; empty where OpenSSL cannot tell it
};

/// Why the server could not be asked.
struct ProbeFailure {
  upstream::Error error = upstream::Error::closed;
  std::string detail;  ///< what the operating system or OpenSSL say; may be empty
};

struct TlsFigures {
  std::optional<runtime::Duration> full;     ///< median of the full handshakes, without TCP's
  std::optional<runtime::Duration> resumed;  ///< median of the resumed ones; nullopt where none was resumed
  std::string version;                       ///< "TLSv1.3"
  std::string group;                         ///< "X25519MLKEM768"
  std::string cipher;                        ///< "TLS_AES_256_GCM_SHA384"
  std::vector<CertificateFacts> chain;  ///< the server's own first; of a failed handshake too, as far as it was built
};

/// Answers to names of one kind, asked one after the other.
struct LatencyFigures {
  std::optional<Percentiles> latency;  ///< nullopt where nothing was answered
  unsigned asked = 0;
  unsigned unanswered = 0;
  unsigned refused = 0;                  ///< answered SERVFAIL, REFUSED, FORMERR or NOTIMP
  std::optional<std::uint16_t> rcode{};  ///< of the first of those
};

struct PipelineFigures {
  unsigned answered = 0;
  runtime::Duration took{};  ///< from the first query to the last answer
  std::size_t in_flight = 0;
};

/// How many queries of one connection the server works on at once.
struct InFlightFigures {
  std::size_t served = 0;  ///< so many were, the most that was tried or the server's limit
  bool is_limit = false;   ///< more were not: it does not read on, or answers in order
};

/// An answer to one question that shows a behaviour.
struct Behaviour {
  std::uint16_t rcode = 0;
  bool is_authentic = false;  ///< AD
  bool is_truncated = false;  ///< TC
  std::size_t size = 0;       ///< bytes
  unsigned records = 0;       ///< of the answer section
};

struct IdleFigures {
  std::optional<runtime::Duration> closed_after;  ///< the last answer; nullopt: it was still open at the end
  runtime::Duration waited{};
};

struct ServerFigures {
  std::optional<ProbeFailure> failure;       ///< the first; what follows is what was measured before
  std::optional<runtime::Duration> connect;  ///< median of TCP's handshakes; nullopt over UDP
  std::optional<TlsFigures> tls;             ///< nullopt without TLS
  LatencyFigures hot;
  LatencyFigures cold;
  std::optional<InFlightFigures>
      in_flight;  ///< nullopt over UDP, and where cold names are answered as fast as hot ones
  std::optional<PipelineFigures> pipelined;
  unsigned closes = 0;  ///< connections that the server closed while it was asked
  bool has_edns = false;
  std::optional<std::chrono::milliseconds> keepalive;  ///< the idle timeout that it states (RFC 7828)
  std::optional<std::size_t> padding;                  ///< block size in bytes; nullopt where answers are not padded
  std::optional<Behaviour> signed_name;                ///< the zone with DO set
  std::optional<Behaviour> bogus_name;
  std::optional<Behaviour> missing_name;  ///< a random name under `invalid.` (RFC 6761 section 6.4)
  std::optional<Behaviour> large_answer;
  std::optional<Behaviour> large_over_tcp;     ///< where it was truncated over UDP
  std::vector<std::uint16_t> extended_errors;  ///< INFO-CODEs seen (RFC 8914), each once
  std::optional<IdleFigures> idle;
  std::chrono::system_clock::time_point measured_at;
};

}  // namespace pillion::probe
