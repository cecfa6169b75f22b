#pragma once
// The one verb, `resolve(query) → answer`: what is asked for, and what comes back.

#include <cstdint>
#include <optional>
#include <string_view>

#include "dns/message.hpp"

namespace pillion::resolve {

/// Where an answer came from.
enum class Source : std::uint8_t { upstream, local };

/// Views buffers of whoever answers: valid only during the call that hands it over.
struct Answer {
  Source source = Source::local;
  /// The upstream's message, its EDNS still in it; nullopt for an answer without records that has only the fields
  /// below.
  std::optional<dns::MessageView> message;
  std::uint16_t rcode = dns::rcode::servfail;
  /// Extended DNS Error (RFC 8914) of an answer without a message; an empty text means none.
  std::uint16_t info_code = 0;
  std::string_view text;
};

/// A client's question that is being resolved. Owned by the listener that it came from.
class Request {
 public:
  /// Called exactly once for each resolve(), possibly from within it.
  virtual void answered(const Answer& answer) = 0;

 protected:
  ~Request() = default;
};

}  // namespace pillion::resolve
