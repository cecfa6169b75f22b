#include "config/sink_address.hpp"

#include <algorithm>

#include "config/scalar.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t max_socket_path = 107;  // unix(7): 108 with the zero at its end

std::expected<std::string, std::string> parse_path(std::string_view text, std::string_view path) {
  if (!path.starts_with('/')) return std::unexpected(in_quotes(text) + " has no absolute path");
  if (path.find('\0') != std::string_view::npos)
    return std::unexpected(in_quotes(text) + " has a zero byte in its path");
  return std::string(path);
}

std::expected<SinkAddress, std::string> parse_network_address(std::string_view text, SinkKind kind,
                                                              std::string_view rest) {
  const auto hash = kind == SinkKind::tls ? rest.find('#') : std::string_view::npos;
  auto endpoint = parse_endpoint(rest.substr(0, hash));
  if (!endpoint) return std::unexpected(endpoint.error());
  if (endpoint->port == 0) return std::unexpected(in_quotes(text) + " has port 0");
  SinkAddress address{.kind = kind, .path = {}, .endpoint = std::move(*endpoint)};
  if (hash == std::string_view::npos) return address;
  address.tls_name = rest.substr(hash + 1);
  if (address.tls_name.empty()) return std::unexpected(in_quotes(text) + " has no name after #");
  if (const auto problem = check_tls_name(address.tls_name); !problem.empty()) return std::unexpected(problem);
  return address;
}

}  // namespace

std::expected<SinkAddress, std::string> parse_sink_address(std::string_view text) {
  const auto colon = text.find(':');
  const auto scheme = text.substr(0, colon);
  const auto rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (colon == std::string_view::npos) return std::unexpected(in_quotes(text) + " is not a destination");
  if (scheme == "tcp") return parse_network_address(text, SinkKind::tcp, rest);
  if (scheme == "udp") return parse_network_address(text, SinkKind::udp, rest);
  if (scheme == "tls") return parse_network_address(text, SinkKind::tls, rest);
  if (scheme != "file" && scheme != "unix") return std::unexpected(in_quotes(text) + " is not a destination");
  auto path = parse_path(text, rest);
  if (!path) return std::unexpected(path.error());
  if (scheme == "file") return SinkAddress{.kind = SinkKind::file, .path = std::move(*path)};
  if (path->size() > max_socket_path)
    return std::unexpected(in_quotes(text) + " is too long for the path of a socket, which has at most 107 bytes");
  return SinkAddress{.kind = SinkKind::unix_socket, .path = std::move(*path)};
}

std::string check_sink_address(std::string_view text, std::initializer_list<SinkKind> kinds) {
  const auto address = parse_sink_address(text);
  if (!address) return address.error();
  return std::ranges::find(kinds, address->kind) != kinds.end() ? ""
                                                                : in_quotes(text) + " is not an allowed destination";
}

}  // namespace pillion::config
