#pragma once
// EDNS(0), RFC 6891: reading the OPT record, and rewriting it hop by hop.

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

/// The fixed part of an OPT record.
struct Edns {
  bool present = false;
  std::uint16_t udp_payload = 512;  ///< bytes; values below 512 are read as 512
  std::uint8_t extended_rcode = 0;  ///< upper 8 bits of the 12-bit RCODE
  std::uint8_t version = 0;
  bool dnssec_ok = false;  ///< DO
  Bytes options;           ///< the options' bytes, checked to be well-formed
};

/// What the OPT record `opt` of `message` says.
[[nodiscard]] Edns edns_of(Bytes message, const Record& opt);

/// The EDNS of a message; `present == false` where it has none.
[[nodiscard]] Edns read_edns(const MessageView& message);

inline constexpr std::size_t option_header_size = 4;  // RFC 6891 section 6.1.2: code and length

/// Calls `visit(std::uint16_t code, Bytes value)` for each option, up to the first that overruns. Returns what is left:
/// empty if all options fit.
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
/// section 2). One without an INFO-CODE is passed over.
template <typename Visit>
void for_each_extended_error(Bytes options, Visit visit) {
  constexpr std::size_t info_code_size = 2;
  for_each_option(options, [&](std::uint16_t code, Bytes value) {
    if (code == option::extended_error && value.size() >= info_code_size)
      visit(read_u16(value, 0), value.subspan(info_code_size));
  });
}

/// The value of the first option with this code; nullopt where there is none.
[[nodiscard]] std::optional<Bytes> find_option(Bytes options, std::uint16_t code);

/// RFC 7828: the idle timeout in a response's edns-tcp-keepalive option, in units of 100 ms; nullopt where it is absent
/// or empty.
[[nodiscard]] std::optional<std::uint16_t> keepalive_timeout(Bytes options);

/// Starts an OPT record at the end of `out` and counts it in ARCOUNT of the message that starts at `message_start`. The
/// record is whole after each call, so there is nothing to finish. The options of `fixed` are not copied. The caller
/// leaves room for the 11 bytes of the record itself; an option that would take the message over 65,535 bytes is left
/// out.
class OptWriter {
 public:
  OptWriter(Buffer& out, std::size_t message_start, const Edns& fixed);
  void add_option(std::uint16_t code, Bytes value);
  /// RFC 8914: INFO-CODE and EXTRA-TEXT (UTF-8; cut to 200 bytes at a character boundary).
  void add_extended_error(std::uint16_t info_code, std::string_view text);
  /// RFC 7828: `timeout` in units of 100 ms; nullopt writes the empty option that a client sends.
  void add_keepalive(std::optional<std::uint16_t> timeout);
  /// RFC 8467 section 4.1: pads so that the whole message becomes a multiple of `block` bytes, or 65,535 bytes where
  /// the next multiple is more. Always adds the option, empty where the message with it already fits; `block` = 0 adds
  /// nothing. To be the last.
  void add_padding(std::size_t block);

 private:
  /// Writes an option's code and length and counts it in RDLENGTH; false where it does not fit. The caller appends the
  /// value.
  [[nodiscard]] bool begin_option(std::uint16_t code, std::size_t value_size);
  [[nodiscard]] std::size_t message_size() const { return out_.size() - message_start_; }

  Buffer& out_;
  std::size_t message_start_;
  std::size_t length_offset_;
};

}  // namespace pillion::dns
