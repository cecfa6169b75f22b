#include "presentation/svc_params_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "presentation/bytes_text.hpp"

namespace pillion::presentation {
namespace {

void append_key(std::string& out, std::uint16_t key) {
  static constexpr auto keys =
      std::to_array<std::string_view>({"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"});
  out += key < keys.size() ? std::string(keys[key]) : "key" + std::to_string(key);
}

// Appends a list of items of the same size. False if `value` is none.
template <typename Append>
bool append_list(std::string& out, dns::Bytes value, std::size_t item_size, Append append) {
  if (value.size() % item_size != 0) return false;
  for (std::size_t i = 0; i < value.size(); i += item_size) {
    if (i != 0) out += ',';
    append(out, value.subspan(i, item_size));
  }
  return true;
}

// Appends the identifiers of protocols. False if `value` is no list of them.
bool append_alpn(std::string& out, dns::Bytes value) {
  dns::Buffer list;
  while (!value.empty()) {
    const auto size = std::size_t{value[0]};
    if (size == 0 || size >= value.size()) return false;
    if (!list.empty()) list.push_back(',');
    for (const auto byte : value.subspan(1, size)) {
      if (byte == ',' || byte == '\\') list.push_back('\\');  // RFC 9460 appendix A.1
      list.push_back(byte);
    }
    value = value.subspan(1 + size);
  }
  append_quoted(out, list);
  return true;
}

// Appends one parameter. False if its value does not have the format of its key.
bool append_param(std::string& out, std::uint16_t key, dns::Bytes value) {
  append_key(out, key);
  if (value.empty()) return true;
  out += '=';
  switch (key) {
    case 0:
      return append_list(out, value, 2,
                         [](std::string& to, dns::Bytes item) { append_key(to, dns::read_u16(item, 0)); });
    case 1:
      return append_alpn(out, value);
    case 3:
      if (value.size() != 2) return false;
      out += std::to_string(dns::read_u16(value, 0));
      return true;
    case 4:
      return append_list(out, value, 4, append_address);
    case 5:
      append_base64(out, value);
      return true;
    case 6:
      return append_list(out, value, 16, append_address);
    default:
      append_quoted(out, value);
      return true;
  }
}

}  // namespace

std::optional<std::string> svc_params_to_text(dns::Bytes params) {
  constexpr std::size_t header_size = 4;  // key and length
  std::string out;
  while (!params.empty()) {
    if (params.size() < header_size) return std::nullopt;
    const std::size_t size = dns::read_u16(params, 2);
    if (size > params.size() - header_size) return std::nullopt;
    if (!out.empty()) out += ' ';
    if (!append_param(out, dns::read_u16(params, 0), params.subspan(header_size, size))) return std::nullopt;
    params = params.subspan(header_size + size);
  }
  return out;
}

}  // namespace pillion::presentation
