#pragma once
// Numbers of the wire format (RFC 1035 section 4, IANA "DNS Parameters") and big-endian access to bytes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pillion::dns {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
/// Messages are built in buffers that keep their capacity between uses, so that the data path stops allocating.
using Buffer = std::vector<std::uint8_t>;

inline constexpr std::size_t header_size = 12;          // RFC 1035 4.1.1
inline constexpr std::size_t max_message_size = 65535;  // bytes; the length prefix has two (RFC 1035 4.2.2)
inline constexpr std::size_t max_name_size = 255;       // RFC 1035 2.3.4, root label included
inline constexpr std::size_t max_label_size = 63;       // RFC 1035 2.3.4
inline constexpr std::size_t min_udp_payload =
    512;  // RFC 1035 2.3.4; smaller EDNS sizes count as this (RFC 6891 6.2.3)

inline constexpr std::uint8_t label_type_bits = 0xC0;  // RFC 1035 4.1.4: 00 is a label, 11 a compression pointer
inline constexpr std::size_t pointer_reach = 0x4000;   // RFC 1035 4.1.4: a compression pointer's offset has 14 bits

namespace opcode {
inline constexpr std::uint8_t query = 0;
}

namespace rcode {  // RFC 1035 4.1.1, RFC 6891 9
inline constexpr std::uint16_t noerror = 0, formerr = 1, servfail = 2, nxdomain = 3, notimp = 4, refused = 5,
                               badvers = 16;
}

namespace type {
inline constexpr std::uint16_t a = 1, ns = 2, md = 3, mf = 4, cname = 5, soa = 6, mb = 7, mg = 8, mr = 9, ptr = 12,
                               hinfo = 13, minfo = 14, mx = 15, txt = 16, rp = 17, afsdb = 18, sig = 24, rt = 21,
                               px = 26, aaaa = 28, nxt = 30, srv = 33, naptr = 35, kx = 36, dname = 39, opt = 41,
                               ds = 43, sshfp = 44, rrsig = 46, nsec = 47, dnskey = 48, nsec3 = 50, nsec3param = 51,
                               tlsa = 52, svcb = 64, https = 65, tkey = 249, tsig = 250, ixfr = 251, axfr = 252,
                               any = 255, caa = 257;
}

namespace klass {
inline constexpr std::uint16_t in = 1, chaos = 3, any = 255;
}

/// Reads and writes of big-endian numbers. The caller has checked that the number lies inside `bytes`.
[[nodiscard]] constexpr std::uint16_t read_u16(Bytes bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(bytes[offset] << 8U | bytes[offset + 1]);
}
[[nodiscard]] constexpr std::uint32_t read_u32(Bytes bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(read_u16(bytes, offset)) << 16U | read_u16(bytes, offset + 2);
}
constexpr void write_u16(MutableBytes bytes, std::size_t offset, std::uint16_t value) {
  bytes[offset] = static_cast<std::uint8_t>(value >> 8U);
  bytes[offset + 1] = static_cast<std::uint8_t>(value);
}
constexpr void write_u32(MutableBytes bytes, std::size_t offset, std::uint32_t value) {
  write_u16(bytes, offset, static_cast<std::uint16_t>(value >> 16U));
  write_u16(bytes, offset + 2, static_cast<std::uint16_t>(value));
}
inline void append_u16(Buffer& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value));
}
inline void append_u32(Buffer& out, std::uint32_t value) {
  append_u16(out, static_cast<std::uint16_t>(value >> 16U));
  append_u16(out, static_cast<std::uint16_t>(value));
}
inline void append(Buffer& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Empties a buffer that will be used again. Frees the memory of a large one, since there are thousands of buffers and
/// each keeps its capacity.
inline void recycle(Buffer& buffer) {
  constexpr std::size_t kept_capacity = 512;
  if (buffer.capacity() > kept_capacity) {
    Buffer().swap(buffer);
  } else {
    buffer.clear();
  }
}

/// The flag bits in bytes 2 and 3 of the header (RFC 1035 section 4.1.1; AD and CD: RFC 4035 section 3.2).
namespace flag {
inline constexpr std::uint16_t qr = 0x8000, aa = 0x0400, tc = 0x0200, rd = 0x0100, ra = 0x0080, ad = 0x0020,
                               cd = 0x0010;
}

}  // namespace pillion::dns
