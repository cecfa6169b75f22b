#pragma once
// Names that a resolver answers itself, since no server could do more than deny them, and some would learn what is
// private (IANA "Special-Use Domain Names", "Locally-Served DNS Zones").

#include <string_view>
#include <vector>

#include "dns/wire.hpp"
#include "resolve/local_zone.hpp"

namespace pillion::resolve {

struct SpecialZone {
  dns::Buffer name;      ///< the zone's name in wire form
  std::string_view rfc;  ///< the document that requires it: "RFC 6761 6.3"
  LocalZone zone;
};

/// All special zones. The configuration takes precedence over such a zone or a part of it, since a cluster serves its
/// own reverse zones. Two names are missing and are forwarded like others: `example.` (RFC 6761 6.5: resolvers should
/// not treat it specially), and `ipv4only.arpa.`, which a resolver without DNS64 must pass on (RFC 8880 7.1).
[[nodiscard]] std::vector<SpecialZone> special_zones();

}  // namespace pillion::resolve
