#include "presentation/bytes_text.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dns/name.hpp"

namespace pillion::presentation {
namespace {

// Appends digits of `bits` bits each, most significant bit first (RFC 4648). The last digit is filled up with zero
// bits.
void append_digits(std::string& out, dns::Bytes bytes, std::size_t bits, std::string_view digits) {
  std::uint32_t pending = 0;
  std::size_t pending_bits = 0;
  for (const auto byte : bytes) {
    pending = pending << 8U | byte;
    pending_bits += 8;
    for (; pending_bits >= bits; pending_bits -= bits)
      out += digits[pending >> (pending_bits - bits) & (digits.size() - 1)];
  }
  if (pending_bits > 0) out += digits[pending << (bits - pending_bits) & (digits.size() - 1)];
}

}  // namespace

void append_hex(std::string& out, dns::Bytes bytes) {
  append_digits(out, bytes, 4, "0123456789ABCDEF");
}

void append_base64(std::string& out, dns::Bytes bytes) {
  append_digits(out, bytes, 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  out.append((3 - bytes.size() % 3) % 3, '=');
}

void append_base32hex(std::string& out, dns::Bytes bytes) {
  append_digits(out, bytes, 5, "0123456789ABCDEFGHIJKLMNOPQRSTUV");
}

void append_quoted(std::string& out, dns::Bytes text) {
  out += '"';
  for (const auto byte : text) {
    if (byte < ' ' || byte > '~') {
      dns::append_decimal_escape(out, byte);
      continue;
    }
    if (byte == '"' || byte == '\\') out += '\\';
    out += static_cast<char>(byte);
  }
  out += '"';
}

void append_address(std::string& out, dns::Bytes bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  if (inet_ntop(family, bytes.data(), text.data(), text.size()) != nullptr) out += text.data();
}

}  // namespace pillion::presentation
