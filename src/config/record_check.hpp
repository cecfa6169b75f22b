#pragma once
// Checks that the records of one zone are consistent with each other. Pure.

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "dns/zone_record.hpp"

namespace pillion::config {

class RecordCheck {
 public:
  /// `zone` is the zone's name in wire form.
  explicit RecordCheck(dns::Bytes zone) : zone_(zone.begin(), zone.end()) {}

  /// Takes the next record. Returns what is wrong with it together with the records before it; empty if nothing is.
  /// Faults are:
  ///
  ///  - the same record twice (RFC 2181 section 5);
  ///  - a CNAME and other data, or a second CNAME, at one owner (RFC 1034 3.6.2, RFC 2181 10.1);
  ///  - a SOA that is not the zone's own, or a second one (RFC 1035 5.2).
  [[nodiscard]] std::string add(const dns::ZoneRecord& record);

 private:
  dns::Buffer zone_;
  std::set<std::tuple<std::string, std::uint16_t, dns::Buffer>> records_;  // with the owner's canonical text
  std::map<std::string, bool> owner_is_alias_;
  bool has_soa_ = false;
};

}  // namespace pillion::config
