#pragma once
// The layout of the rdata of each type, by which rdata is checked, printed and read, and names are found in it.

#include <cstdint>
#include <string_view>

#include "dns/wire.hpp"

namespace pillion::dns {

/// The fields of the rdata of a type in class IN in order, one letter each. Empty for a type that is not known here.
///     1 2 4  a number of so many bytes          a A    an IPv4, an IPv6 address
///     n      a name                             s S    a character-string; one or more, to the end
///     o      an address of Chaosnet
///     t      a type's code                      T      a time in seconds (RFC 4034 3.2)
///     h      bytes after their length, in hex   H      the same in base 32 (RFC 5155 3.3)
///     c      the tag of CAA (RFC 8659 4.1)      q      text to the end
///     x b    bytes to the end, in hex, base 64  w      the bit map of types (RFC 4034 4.1.2), to the end
///     p      parameters of SVCB (RFC 9460 2.2), to the end
///     r      to the end, with no presentation form here
[[nodiscard]] constexpr std::string_view rdata_layout(std::uint16_t rr_type) {
  switch (rr_type) {
    case type::a:
      return "a";
    case type::aaaa:
      return "A";
    case type::ns:
    case type::md:
    case type::mf:
    case type::cname:
    case type::mb:
    case type::mg:
    case type::mr:
    case type::ptr:
    case type::dname:
      return "n";
    case type::soa:
      return "nn44444";
    case type::hinfo:
      return "ss";
    case type::minfo:
    case type::rp:
      return "nn";
    case type::mx:
    case type::afsdb:
    case type::rt:
    case type::kx:
      return "2n";
    case type::txt:
      return "S";
    case type::sig:
    case type::rrsig:
      return "t114TT2nb";
    case type::px:
      return "2nn";
    case type::nxt:
      return "nr";
    case type::srv:
      return "222n";
    case type::naptr:
      return "22sssn";
    case type::ds:
      return "211x";
    case type::sshfp:
      return "11x";
    case type::nsec:
      return "nw";
    case type::dnskey:
      return "211b";
    case type::nsec3:
      return "112hHw";
    case type::nsec3param:
      return "112h";
    case type::tlsa:
      return "111x";
    case type::svcb:
    case type::https:
      return "2np";
    case type::caa:
      return "1cq";
    default:
      return {};
  }
}

/// The same in any class. Addresses of Chaosnet have a layout of their own (RFC 1034 section 3.6), and those of other
/// classes may be anything. All other types are the same in each class (RFC 1035 section 3.3).
[[nodiscard]] constexpr std::string_view rdata_layout(std::uint16_t rr_type, std::uint16_t rr_class) {
  const bool is_address = rr_type == type::a || rr_type == type::aaaa;
  if (!is_address || rr_class == klass::in) return rdata_layout(rr_type);
  return rr_type == type::a && rr_class == klass::chaos ? "no" : std::string_view{};
}

}  // namespace pillion::dns
