#pragma once
// Names that a resolver answers by itself, so that they reach no server that could only know them missing, or learn
// something that is nobody else's business (IANA "Special-Use Domain Names", "Locally-Served DNS Zones").

#include <string_view>
#include <vector>

#include "dns/wire.hpp"
#include "resolve/local_zone.hpp"

namespace pillion::resolve {

struct SpecialZone {
  dns::Buffer name;      ///< the zone's name in wire form
  std::string_view rfc;  ///< what asks for it: "RFC 6761 6.3"
  LocalZone zone;
};

/// All of them. What the configuration says of such a zone, or of a part of it, goes before: a cluster serves its own
/// reverse zones. Not among them, and so forwarded like other names: `example.` (RFC 6761 6.5: resolvers should not
/// treat it specially), and `ipv4only.arpa.`, which a resolver that does no DNS64 must pass on (RFC 8880 7.1).
[[nodiscard]] std::vector<SpecialZone> special_zones();

}  // namespace pillion::resolve
