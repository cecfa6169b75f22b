#pragma once
// A zone that is answered from records at hand: those of the configuration, and those of the special-use names.

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

/// A leaf zone: it delegates nothing, so NS records beneath its origin are data like any other. Looking a name up takes
/// a hash for each of its labels, however many records there are, and allocates nothing but what the answer needs.
class LocalZone {
 public:
  /// Names are in wire form and uncompressed, those in rdata too. Left out of `records` are those that are not beneath
  /// `origin` or at it, those of another class than IN, and the second of two equal ones; records that differ in TTL
  /// alone, and the sets that they are in, get the lowest (RFC 2181 5.2). Where there is no SOA at the origin one is
  /// made up, with a negative TTL of 300 s: what has been added to the configuration is seen five minutes later even by
  /// those who cache that it was missing.
  LocalZone(dns::Buffer origin, std::vector<dns::ZoneRecord> records);

  /// Appends the whole response to `query`, but for an OPT: id, RD, CD and question as asked; QR, AA and RA set. Type
  /// ANY is answered with all records of the name (there are few, and RFC 8482 does not ask for less). A CNAME is
  /// followed as far as the zone goes; a target outside of it ends the answer. Wildcards are those of RFC 4592.
  ///  - NXDOMAIN: neither the name nor any beneath it exists (RFC 8020 2); with the SOA (RFC 2308 2.1, 3).
  ///  - NOERROR without answers: the name or one beneath it exists; with the SOA (RFC 2308 2.2).
  ///  - SERVFAIL: the CNAMEs go in a circle, or are more than 16 (RFC 1034 3.6.2).
  ///  - REFUSED: the name is not in the zone, or the class is neither IN nor ANY; of such names we know nothing, not
  ///    even that they are missing.
  /// A set of records with which the response would grow beyond 65,000 bytes is left out and TC is set (RFC 2181 9); so
  /// there is always room for an OPT.
  void append_answer(const dns::QueryView& query, dns::Buffer& out) const;

  /// True if both give the same answers, byte by byte.
  friend bool operator==(const LocalZone& a, const LocalZone& b) {
    return a.origin_ == b.origin_ && a.records_ == b.records_;
  }

 private:
  class Response;

  /// Hashing and comparing names without regard to case, on spans into messages as well as on stored names. The names
  /// stored are the configuration's, so nobody else can choose them to collide and a fixed seed does.
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
  std::size_t soa_ = 0;                   // the origin's
  std::unordered_map<dns::Buffer, ZoneNode, NameHash, NameEqual> nodes_;
};

}  // namespace pillion::resolve
