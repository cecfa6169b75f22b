#include "fuzz/oracle.hpp"

#include <cstdlib>

/// LeakSanitizer's hook: ldns 1.8 leaks the first of two TSIG records.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier): its name
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libldns\n";
}

namespace pillion::fuzz {
namespace {

// The end of the record at `offset` by its RDLENGTH. ldns, which has read it, stops after the last field of the
// type.
std::size_t end_by_length(dns::Bytes message, std::size_t offset) {
  while (message[offset] != 0 && message[offset] < 0xC0) offset += std::size_t{message[offset]} + 1;
  const auto fixed = offset + (message[offset] == 0 ? 1 : 2);
  return fixed + 10 + dns::read_u16(message, fixed + 8);
}

}  // namespace

LdnsPacket read_packet(dns::Bytes message) {
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, message.data(), message.size()) != LDNS_STATUS_OK) return nullptr;
  return LdnsPacket(packet);
}

OracleRecord read_record(dns::Bytes message, std::size_t offset, ldns_pkt_section section) {
  ldns_rr* record = nullptr;
  std::size_t position = offset;
  if (ldns_wire2rr(&record, message.data(), message.size(), &position, section) != LDNS_STATUS_OK) return {};
  LdnsRecord owned(record);
  if (section != LDNS_SECTION_QUESTION && position != end_by_length(message, offset)) return {};
  return {std::move(owned), offset, position};
}

std::optional<std::vector<OracleRecord>> read_records(dns::Bytes message) {
  const auto header = dns::Header::of(message);
  if (!header) return std::nullopt;
  std::vector<OracleRecord> records;
  auto offset = dns::header_size;
  const auto read_section = [&](std::size_t count, ldns_pkt_section section) {
    for (std::size_t i = 0; i < count; ++i) {
      auto record = read_record(message, offset, section);
      if (!record.record) return false;
      offset = record.end;
      records.push_back(std::move(record));
    }
    return true;
  };
  if (!read_section(header->questions(), LDNS_SECTION_QUESTION)) return std::nullopt;
  const auto others = std::size_t{header->answers()} + header->authorities() + header->additionals();
  if (!read_section(others, LDNS_SECTION_ANSWER)) return std::nullopt;
  return records;
}

dns::Buffer owner_of(const ldns_rr* record) {
  const auto* owner = ldns_rr_owner(record);
  return {ldns_rdf_data(owner), ldns_rdf_data(owner) + ldns_rdf_size(owner)};
}

std::string text_of(const ldns_rr* record) {
  char* text = ldns_rr2str(record);
  std::string copy = text != nullptr ? text : "";
  std::free(text);
  return copy;
}

}  // namespace pillion::fuzz
