#pragma once
// Parses the address of a sink: a file or a socket, as one word of the configuration. Pure.

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace pillion::config {

enum class SinkKind : std::uint8_t { file, unix_socket, tcp, udp, tls };

struct SinkAddress {
  SinkKind kind = SinkKind::file;
  std::string path;           ///< of a file or a unix socket; empty for tcp, udp and tls
  Endpoint endpoint = {};     ///< for tcp, udp and tls
  std::string tls_name = {};  ///< for tls: the name in the certificate; empty: it has the endpoint's address
};

/// Accepts "file:/var/log/queries.json", "unix:/run/log.sock" (at most 107 bytes of path, unix(7)),
/// "tcp:192.0.2.1:6000" (a literal address; a port of 1 … 65,535), "udp:192.0.2.1:514" and
/// "tls:192.0.2.1:6514#log.example". The error says what is wrong.
[[nodiscard]] std::expected<SinkAddress, std::string> parse_sink_address(std::string_view text);

/// What is wrong with an address that may only be of these kinds; empty if nothing is.
[[nodiscard]] std::string check_sink_address(std::string_view text, std::initializer_list<SinkKind> kinds);

}  // namespace pillion::config
