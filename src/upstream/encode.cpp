#include "upstream/encode.hpp"

#include "dns/edns.hpp"
#include "dns/framing.hpp"

namespace pillion::upstream {

void encode_query(const Query& query, std::uint16_t id, const Encoding& encoding, dns::Buffer& out) {
  const auto start = encoding.framed ? dns::begin_frame(out) : out.size();
  dns::append(out, query.message);
  dns::write_u16(out, start, id);
  if (!query.opaque && !query.without_edns) {
    dns::Edns edns;
    edns.present = true;
    edns.udp_payload = encoding.udp_payload;
    edns.dnssec_ok = query.dnssec_ok;
    dns::OptWriter opt(out, start, edns);
    if (encoding.keepalive) opt.add_keepalive(std::nullopt);
    if (encoding.padding != 0) opt.add_padding(encoding.padding);
  }
  if (encoding.framed) dns::end_frame(out, start);
}

}  // namespace pillion::upstream
