#include "resolve/special_zones.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "dns/name.hpp"

namespace pillion::resolve {
namespace {

constexpr std::uint32_t ttl = 10'800;  // seconds, of the SOA and of its minimum (RFC 6303 3)

/// What a zone has besides its SOA and NS.
enum class ZoneContent : std::uint8_t {
  nothing,
  loopback_addresses,  // at the name and all names beneath it
  loopback_name_v4,    // PTR of 127.0.0.1
  loopback_name,       // PTR at the name
  no_such_data,        // names beneath it exist, without data
};

struct Row {
  std::string_view name;
  std::string_view rfc;
  ZoneContent content = ZoneContent::nothing;
};

constexpr auto rows = std::to_array<Row>({
    {"localhost.", "RFC 6761 6.3", ZoneContent::loopback_addresses},
    {"invalid.", "RFC 6761 6.4"},
    {"test.", "RFC 6761 6.2"},
    // Names of multicast DNS only have a meaning on the local link. A cluster's zone beneath `local` has its own
    // route.
    {"local.", "RFC 6762 22.1"},
    {"onion.", "RFC 7686 2"},
    {"alt.", "RFC 9476 2"},
    {"home.arpa.", "RFC 8375 4"},
    // Pillion designates no encrypted resolver and says so with NODATA, so that "_dns.resolver.arpa." must not be
    // NXDOMAIN.
    {"resolver.arpa.", "RFC 9462 4", ZoneContent::no_such_data},
    // Private-use addresses; 172.16 to 172.31 are among the ranges.
    {"10.in-addr.arpa.", "RFC 6303 4.1"},
    {"168.192.in-addr.arpa.", "RFC 6303 4.1"},
    // This network, loopback, link-local, the three for documentation, broadcast.
    {"0.in-addr.arpa.", "RFC 6303 4.2"},
    {"127.in-addr.arpa.", "RFC 6303 4.2", ZoneContent::loopback_name_v4},
    {"254.169.in-addr.arpa.", "RFC 6303 4.2"},
    {"2.0.192.in-addr.arpa.", "RFC 6303 4.2"},
    {"100.51.198.in-addr.arpa.", "RFC 6303 4.2"},
    {"113.0.203.in-addr.arpa.", "RFC 6303 4.2"},
    {"255.255.255.255.in-addr.arpa.", "RFC 6303 4.2"},
    // ::, ::1, unique local, link-local, documentation.
    {"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", "RFC 6303 4.3"},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", "RFC 6303 4.3",
     ZoneContent::loopback_name},
    {"d.f.ip6.arpa.", "RFC 6303 4.4"},
    {"8.e.f.ip6.arpa.", "RFC 6303 4.5"},
    {"9.e.f.ip6.arpa.", "RFC 6303 4.5"},
    {"a.e.f.ip6.arpa.", "RFC 6303 4.5"},
    {"b.e.f.ip6.arpa.", "RFC 6303 4.5"},
    {"8.b.d.0.1.0.0.2.ip6.arpa.", "RFC 6303 4.6"},
});

/// One zone for each number from `first` to `last`, directly beneath `parent`.
struct Range {
  int first;
  int last;
  std::string_view parent;
  std::string_view rfc;
};

constexpr auto ranges = std::to_array<Range>({
    {16, 31, ".172.in-addr.arpa.", "RFC 6303 4.1"},   // private use
    {64, 127, ".100.in-addr.arpa.", "RFC 7793 2.1"},  // shared address space (RFC 6598)
});

dns::Buffer name_of(std::string_view text) {
  return dns::parse_name(text).value();
}

dns::ZoneRecord record_of(dns::Buffer owner, std::uint16_t type, dns::Buffer rdata) {
  return {.owner = std::move(owner), .type = type, .klass = dns::klass::in, .ttl = ttl, .rdata = std::move(rdata)};
}

// RFC 6303 3: "@ 10800 IN SOA @ nobody.invalid. 1 3600 1200 604800 10800" and "@ 10800 IN NS @".
void add_apex(const dns::Buffer& origin, std::vector<dns::ZoneRecord>& records) {
  dns::Buffer soa = origin;
  dns::append(soa, name_of("nobody.invalid."));
  for (const std::uint32_t number : {1U, 3600U, 1200U, 604'800U, ttl}) dns::append_u32(soa, number);
  records.push_back(record_of(origin, dns::type::soa, std::move(soa)));
  records.push_back(record_of(origin, dns::type::ns, origin));
}

dns::Buffer wildcard_of(const dns::Buffer& origin) {
  dns::Buffer name = {1, '*'};
  dns::append(name, origin);
  return name;
}

void add_content(ZoneContent content, const dns::Buffer& origin, std::vector<dns::ZoneRecord>& records) {
  switch (content) {
    case ZoneContent::nothing:
      return;
    case ZoneContent::loopback_addresses:
      for (const auto& owner : {origin, wildcard_of(origin)}) {
        records.push_back(record_of(owner, dns::type::a, {127, 0, 0, 1}));
        records.push_back(record_of(owner, dns::type::aaaa, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
      }
      return;
    case ZoneContent::loopback_name_v4:
      records.push_back(record_of(name_of("1.0.0.127.in-addr.arpa."), dns::type::ptr, name_of("localhost.")));
      return;
    case ZoneContent::loopback_name:
      records.push_back(record_of(origin, dns::type::ptr, name_of("localhost.")));
      return;
    case ZoneContent::no_such_data: {
      static constexpr std::string_view text = "no designated resolver";
      dns::Buffer rdata = {static_cast<std::uint8_t>(text.size())};
      rdata.insert(rdata.end(), text.begin(), text.end());
      records.push_back(record_of(wildcard_of(origin), dns::type::txt, std::move(rdata)));
      return;
    }
  }
}

SpecialZone zone_of(std::string_view text, std::string_view rfc, ZoneContent content) {
  auto name = name_of(text);
  std::vector<dns::ZoneRecord> records;
  add_apex(name, records);
  add_content(content, name, records);
  return {name, rfc, LocalZone(name, std::move(records))};
}

}  // namespace

std::vector<SpecialZone> special_zones() {
  std::vector<SpecialZone> zones;
  zones.reserve(rows.size());
  for (const auto& row : rows) zones.push_back(zone_of(row.name, row.rfc, row.content));
  for (const auto& range : ranges) {
    for (int number = range.first; number <= range.last; ++number) {
      zones.push_back(zone_of(std::to_string(number).append(range.parent), range.rfc, ZoneContent::nothing));
    }
  }
  return zones;
}

}  // namespace pillion::resolve
