#include "upstream/query.hpp"

#include "dns/edns.hpp"

namespace pillion::upstream {

bool is_bogus(const Reply& reply) {
  if (reply.rcode != dns::rcode::servfail || !reply.message || !reply.message->opt()) return false;
  bool bogus = false;
  const auto options = dns::read_edns(*reply.message).options;
  dns::for_each_extended_error(options, [&](std::uint16_t info_code, dns::Bytes /*extra_text*/) {
    bogus |= info_code >= dns::extended_error::dnssec_bogus && info_code <= dns::extended_error::nsec_missing;
  });
  return bogus;
}

}  // namespace pillion::upstream
