#include "upstream/query.hpp"

#include "dns/edns.hpp"

namespace pillion::upstream {

bool is_bogus(const Reply& reply) {
  if (reply.rcode != dns::rcode::servfail || !reply.message || !reply.message->opt()) return false;
  bool bogus = false;
  dns::for_each_option(dns::read_edns(*reply.message).options, [&](std::uint16_t code, dns::Bytes value) {
    if (code != dns::option::extended_error || value.size() < 2) return;
    const auto info_code = dns::read_u16(value, 0);
    bogus |= info_code >= dns::extended_error::dnssec_bogus && info_code <= dns::extended_error::nsec_missing;
  });
  return bogus;
}

}  // namespace pillion::upstream
