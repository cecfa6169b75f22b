#include "support/parsed_query.hpp"

#include <algorithm>

namespace pillion::test {
namespace {

using dns::Bytes;

/// The offset after the uncompressed name at `offset`; nullopt if the name is incomplete, compressed or too long.
std::optional<std::size_t> end_of_name(Bytes message, std::size_t offset) {
  const auto start = offset;
  while (offset < message.size()) {
    const std::size_t label = message[offset];
    if (label > dns::max_label_size) return std::nullopt;
    offset += label + 1;
    if (offset - start > dns::max_name_size) return std::nullopt;
    if (label == 0) return offset;
  }
  return std::nullopt;
}

bool read_options(Bytes options, ParsedQuery& query) {
  while (!options.empty()) {
    if (options.size() < 4) return false;
    const auto code = dns::read_u16(options, 0);
    const std::size_t size = dns::read_u16(options, 2);
    if (size > options.size() - 4) return false;
    if (code == 8) query.client_subnet = true;
    if (code == 11) query.keepalive = true;
    if (code == 12) query.padded = true;
    options = options.subspan(4 + size);
  }
  return true;
}

/// The additional section of a query: OPT, TSIG and the like, owners uncompressed.
bool read_additional(ParsedQuery& query, std::size_t count) {
  auto offset = query.question_end;
  for (; count > 0; --count) {
    const auto owner = offset;
    const auto end = end_of_name(query.message, owner);
    if (!end || query.message.size() - *end < 10) return false;
    const auto record_type = dns::read_u16(query.message, *end);
    const std::size_t size = dns::read_u16(query.message, *end + 8);
    if (query.message.size() - *end - 10 < size) return false;
    if (record_type == dns::type::opt) {
      if (query.edns || *end != owner + 1) return false;
      query.edns = true;
      query.udp_payload = std::max<std::uint16_t>(dns::read_u16(query.message, *end + 2), 512);
      query.dnssec_ok = (dns::read_u16(query.message, *end + 6) & 0x8000U) != 0;
      if (!read_options(query.message.subspan(*end + 10, size), query)) return false;
    }
    offset = *end + 10 + size;
  }
  return offset == query.message.size();
}

}  // namespace

std::optional<ParsedQuery> parse_query(Bytes message) {
  if (message.size() < dns::header_size) return std::nullopt;
  ParsedQuery query;
  query.message = message;
  query.id = dns::read_u16(message, 0);
  query.flags = dns::read_u16(message, 2);
  const bool is_response = (query.flags & dns::flag::qr) != 0;
  if (is_response || dns::read_u16(message, 4) != 1 || dns::read_u32(message, 6) != 0) return std::nullopt;
  const auto end = end_of_name(message, dns::header_size);
  if (!end || message.size() - *end < 4) return std::nullopt;
  query.name = message.subspan(dns::header_size, *end - dns::header_size);
  query.type = dns::read_u16(message, *end);
  query.klass = dns::read_u16(message, *end + 2);
  query.question_end = *end + 4;
  if (!read_additional(query, dns::read_u16(message, 10))) return std::nullopt;
  return query;
}

std::string name_text(Bytes name) {
  std::string text;
  for (std::size_t offset = 0; name[offset] != 0; offset += name[offset] + std::size_t{1}) {
    if (!text.empty()) text += '.';
    for (const auto byte : name.subspan(offset + 1, name[offset])) text += static_cast<char>(lower(byte));
  }
  return text;
}

}  // namespace pillion::test
