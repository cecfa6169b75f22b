#pragma once
// A zone that Pillion answers from its own records: those of the configuration, or of the special-use names.

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "dns/name.hpp"
#include "dns/query.hpp"
#include "dns/wire.hpp"
#include "dns/zone_record.hpp"

namespace pillion::resolve {

/// A zone without delegations, so that NS records beneath its origin are ordinary data. Finding a name computes one
/// hash for each of its labels, however many records there are. Allocates nothing except for the answer.
class LocalZone {
 public:
  /// Names are in wire form and uncompressed, also in rdata. Records that are not at or beneath `origin`, that are of
  /// another class than IN, or that equal an earlier one are left out. Records of a set get the lowest of their TTLs
  /// (RFC 2181 5.2). If the origin has no SOA, one is made up with a negative TTL of 300 s, so that clients that have
  /// cached a denial see an added record after five minutes.
  LocalZone(dns::Buffer origin, std::vector<dns::ZoneRecord> records);

  /// Appends the whole response to `query` except for an OPT. Id, RD, CD and question are the query's; QR, AA and RA
  /// are set. A query of type ANY gets all records of the name (there are few, and RFC 8482 does not require less).
  /// CNAMEs are followed within the zone; a target outside of it ends the answer. Wildcards are those of RFC 4592.
  ///
  ///  - NXDOMAIN: neither the name nor a name beneath it exists (RFC 8020 2); with the SOA (RFC 2308 2.1, 3).
  ///  - NOERROR without answers: the name or one beneath it exists; with the SOA (RFC 2308 2.2).
  ///  - SERVFAIL: the CNAMEs form a loop, or there are more than 16 (RFC 1034 3.6.2).
  ///  - REFUSED: the name is not in the zone, or the class is neither IN nor ANY. We know nothing about such names,
  ///    and so cannot deny them.
  /// A set of records that would make the response longer than 65,000 bytes is left out, and TC is set (RFC 2181 9).
  /// So there is always room for an OPT.
  void append_answer(const dns::QueryView& query, dns::Buffer& out) const;

  /// True if both zones give the same answers, byte for byte.
  friend bool operator==(const LocalZone& a, const LocalZone& b) {
    return a.origin_ == b.origin_ && a.records_ == b.records_;
  }

 private:
  class Response;

  /// Hashes and compares names without regard to case, both stored names and spans into messages. Only the
  /// configuration determines the stored names, so that nobody can choose collisions and a constant seed is enough.
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(dns::NameView name) const { return name.hash(0); }
  };
  struct NameEqual {
    using is_transparent = void;
    bool operator()(dns::NameView a, dns::NameView b) const { return a == b; }
  };
  /// The records of one name, as a range of records_; empty for an empty non-terminal (RFC 4592 2.2.2).
  struct ZoneNode {
    std::size_t first = 0;
    std::size_t last = 0;
  };

  [[nodiscard]] const ZoneNode* node_at(dns::NameView name) const;
  [[nodiscard]] const ZoneNode* wildcard_for(dns::NameView name) const;
  [[nodiscard]] const ZoneNode* find(dns::NameView name) const;
  [[nodiscard]] static std::span<const dns::ZoneRecord> set_of(std::span<const dns::ZoneRecord> all,
                                                               std::uint16_t type);
  [[nodiscard]] bool is_own_soa(const dns::ZoneRecord& record) const;
  [[nodiscard]] dns::ZoneRecord made_up_soa() const;
  void add_sets(std::vector<dns::ZoneRecord> records);
  void add_nodes();

  dns::Buffer origin_;
  std::vector<dns::ZoneRecord> records_;  // by name, then type
  std::size_t soa_ = 0;                   // index of the origin's SOA
  std::unordered_map<dns::Buffer, ZoneNode, NameHash, NameEqual> nodes_;
};

}  // namespace pillion::resolve
