#pragma once
// ldns as a second parser of a message.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ldns/ldns.h>

#include "dns/message.hpp"

namespace pillion::fuzz {

struct LdnsFree {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
  void operator()(ldns_rr* record) const { ldns_rr_free(record); }
};
using LdnsPacket = std::unique_ptr<ldns_pkt, LdnsFree>;
using LdnsRecord = std::unique_ptr<ldns_rr, LdnsFree>;

/// The whole message, parsed by ldns; null if ldns refuses it.
[[nodiscard]] LdnsPacket read_packet(dns::Bytes message);

/// One question or record, parsed by ldns, and its end.
struct OracleRecord {
  LdnsRecord record;
  std::size_t start = 0;
  std::size_t end = 0;
};

/// The record at `offset`. Its pointer is null if ldns refuses it, or does not read all bytes of the rdata (it would
/// then continue in the middle of them).
[[nodiscard]] OracleRecord read_record(dns::Bytes message, std::size_t offset, ldns_pkt_section section);

/// All questions and records in order, read one by one, so that OPT and TSIG are included; nullopt if ldns refuses
/// one.
[[nodiscard]] std::optional<std::vector<OracleRecord>> read_records(dns::Bytes message);

/// The owner name, uncompressed.
[[nodiscard]] dns::Buffer owner_of(const ldns_rr* record);

/// The whole record in presentation form.
[[nodiscard]] std::string text_of(const ldns_rr* record);

}  // namespace pillion::fuzz
