#pragma once
// EDNS(0) (RFC 6891): reads and writes OPT records.

#include <cstdint>
#include <optional>
#include <string_view>

#include "dns/message.hpp"

namespace pillion::dns {

namespace option {  // IANA "DNS EDNS0 Option Codes"
inline constexpr std::uint16_t nsid = 3, client_subnet = 8, cookie = 10, tcp_keepalive = 11, padding = 12,
                               extended_error = 15;
}

namespace extended_error {  // RFC 8914 section 4
inline constexpr std::uint16_t other = 0, stale_answer = 3, dnssec_bogus = 6, nsec_missing = 12, prohibited = 18,
                               stale_nxdomain = 19, not_supported = 21, no_reachable_authority = 22, network_error = 23;
}

/// An OPT record.
struct Edns {
  bool present = false;
  std::uint16_t udp_payload = 512;  ///< bytes; values below 512 count as 512 (RFC 6891 section 6.2.3)
  std::uint8_t extended_rcode = 0;  ///< the upper 8 bits of the 12-bit RCODE
  std::uint8_t version = 0;
  bool dnssec_ok = false;  ///< the DO bit (RFC 3225)
  Bytes options;           ///< all options; MessageView::parse() has checked that none overruns
};

/// Reads the OPT record `opt` of `message`.
[[nodiscard]] Edns edns_of(Bytes message, const Record& opt);

/// Reads the OPT record of `message`. `present` is false if it has none.
[[nodiscard]] Edns read_edns(const MessageView& message);

inline constexpr std::size_t option_header_size = 4;  // RFC 6891 section 6.1.2: code and length

/// Calls `visit(std::uint16_t code, Bytes value)` for each option, up to the first that overruns. Returns the bytes
/// that were not visited: empty if all options fit.
template <typename Visit>
Bytes for_each_option(Bytes options, Visit visit) {
  while (options.size() >= option_header_size) {
    const auto size = std::size_t{read_u16(options, 2)};
    if (size > options.size() - option_header_size) return options;
    visit(read_u16(options, 0), options.subspan(option_header_size, size));
    options = options.subspan(option_header_size + size);
  }
  return options;
}

/// Calls `visit(std::uint16_t info_code, Bytes extra_text)` for each Extended DNS Error among `options` (RFC 8914
/// section 2). Ignores an option without an INFO-CODE.
template <typename Visit>
void for_each_extended_error(Bytes options, Visit visit) {
  constexpr std::size_t info_code_size = 2;
  for_each_option(options, [&](std::uint16_t code, Bytes value) {
    if (code == option::extended_error && value.size() >= info_code_size)
      visit(read_u16(value, 0), value.subspan(info_code_size));
  });
}

/// The value of the first option with this code; nullopt if there is none.
[[nodiscard]] std::optional<Bytes> find_option(Bytes options, std::uint16_t code);

/// The idle timeout of the edns-tcp-keepalive option (RFC 7828) in units of 100 ms; nullopt if the option is absent or
/// has no timeout.
[[nodiscard]] std::optional<std::uint16_t> keepalive_timeout(Bytes options);

/// Appends an OPT record to `out` and counts it in ARCOUNT of the message that starts at `message_start`. The record is
/// complete after each call. The constructor writes the fields of `fixed` but no options; the caller has checked that
/// its 11 bytes fit. An option that would make the message longer than 65,535 bytes is left out.
class OptWriter {
 public:
  OptWriter(Buffer& out, std::size_t message_start, const Edns& fixed);
  void add_option(std::uint16_t code, Bytes value);
  /// Adds an Extended DNS Error (RFC 8914 section 2). `text` is UTF-8; only its first characters, at most 200 bytes,
  /// are written.
  void add_extended_error(std::uint16_t info_code, std::string_view text);
  /// Adds edns-tcp-keepalive (RFC 7828). `timeout` is in units of 100 ms; nullopt writes the empty option of a client.
  void add_keepalive(std::optional<std::uint16_t> timeout);
  /// Adds the padding option (RFC 8467 section 4.1), so that the size of the message becomes a multiple of `block`
  /// bytes, but at most 65,535. The option is empty if the message has that size with it. Adds nothing if `block` is 0.
  /// No other option may be added afterwards.
  void add_padding(std::size_t block);

 private:
  /// Writes the code and the length of an option and counts it in RDLENGTH. The caller appends the value. False, and
  /// nothing is written, if the option does not fit.
  [[nodiscard]] bool begin_option(std::uint16_t code, std::size_t value_size);
  [[nodiscard]] std::size_t message_size() const { return out_.size() - message_start_; }

  Buffer& out_;
  std::size_t message_start_;
  std::size_t length_offset_;
};

}  // namespace pillion::dns
