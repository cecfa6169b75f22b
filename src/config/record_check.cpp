#include "config/record_check.hpp"

#include "config/scalar.hpp"
#include "dns/name.hpp"

namespace pillion::config {

std::string RecordCheck::add(const dns::ZoneRecord& record) {
  // parse_domain() accepts every text that to_text() returns.
  const auto owner = *parse_domain(dns::to_text(record.owner));
  if (!records_.emplace(owner, record.type, record.rdata).second)
    return "the same record is given above; allowed: each record once";

  if (record.type == dns::type::soa) {
    if (!dns::equal_names(record.owner, zone_))
      return "a SOA record of a name below the zone; allowed: one SOA record, of `@`";
    if (has_soa_) return "a second SOA record; allowed: one SOA record of the zone";
    has_soa_ = true;
  }
  const bool is_alias = record.type == dns::type::cname;
  const auto [known, is_new] = owner_is_alias_.emplace(owner, is_alias);
  if (is_new || (!is_alias && !known->second)) return {};
  return (is_alias && known->second ? "a second CNAME record of " : "a CNAME record and other records of ") +
         in_quotes(owner) + "; allowed: either one CNAME record or other records of a name";
}

}  // namespace pillion::config
