#include "cache/preparation.hpp"

#include <algorithm>

#include "dns/ttl.hpp"

namespace pillion::cache {
namespace {

constexpr std::size_t opt_fixed_size = 11;  // RFC 6891 6.1.2: the root, type, size, TTL, RDLENGTH
constexpr std::size_t max_addresses = 255;  // of a set, and before it among the TTLs

/// The flags of an answer of ours; RD, CD and AD are for each client to be set (RFC 1035 4.1.1, RFC 4035 3.2).
std::uint16_t flags_of(const dns::Header& reply) {
  constexpr std::uint16_t kept = dns::flag::aa | dns::flag::tc | dns::flag::ad | 0xFU;
  return static_cast<std::uint16_t>(dns::flag::qr | dns::flag::ra | (reply.flags() & kept));
}

}  // namespace

void Preparation::clear() {
  wire_.clear();
  extended_errors_.clear();
  addresses_ = {};
}

bool Preparation::prepare(const Key& key, const dns::MessageView& reply, const Settings& settings) {
  clear();
  admitted_ = admit(key, reply, settings);
  const auto edns = dns::read_edns(reply);
  rcode_ = static_cast<std::uint16_t>(edns.extended_rcode << 4U | reply.header().rcode());
  keep_errors(edns.options);
  return write(reply, settings);
}

void Preparation::prepare_found(const dns::MessageView& message, std::uint32_t lifetime) {
  clear();
  rcode_ = message.header().rcode();
  const auto kind = rcode_ == dns::rcode::nxdomain    ? Kind::nxdomain
                    : message.header().answers() == 0 ? Kind::nodata
                                                      : Kind::positive;
  admitted_ = Admitted{.kind = kind, .lifetime = lifetime};
  // Its TTLs have been bounded already.
  static_cast<void>(write(message, {.min_ttl = std::chrono::seconds{0}, .max_ttl = max_time}));
}

void Preparation::prepare_failure(const Key& key, const dns::ExtendedError& error, const Settings& settings) {
  clear();
  writer_.start(wire_, dns::flag::qr | dns::flag::ra | dns::rcode::servfail, key.name, key.type, key.klass);
  rcode_ = dns::rcode::servfail;
  admitted_ = Admitted{.kind = Kind::failure, .lifetime = failure_lifetime(settings)};
  const auto message_size = wire_.size();
  dns::OptWriter(wire_, 0, {}).add_extended_error(error.info_code, error.text);
  dns::append(extended_errors_, dns::Bytes(wire_).subspan(message_size + opt_fixed_size));
  wire_.resize(message_size);
  dns::write_u16(wire_, 10, 0);
}

void Preparation::deny_type_alone() {
  rcode_ = dns::rcode::noerror;
  dns::write_u16(wire_, 2, static_cast<std::uint16_t>(dns::read_u16(wire_, 2) & ~0xFU));
  if (!admitted_) return;
  admitted_->kind = Kind::nodata;
  admitted_->denies_name = false;
}

bool Preparation::write(const dns::MessageView& reply, const Settings& settings) {
  const auto header = reply.header();
  const auto& question = reply.question();
  writer_.start(wire_, flags_of(header), question.name, question.type, question.klass);
  const bool fits = writer_.add_records(reply, [&](const dns::Record& record) {
    return bounded_ttl(record, header.answers() != 0, admitted_, settings);
  });
  if (fits) find_addresses(header.answers());
  return fits;
}

/// RFC 8914 section 3: Extended DNS Errors are for the client; the reply's other options were between the two of us.
void Preparation::keep_errors(dns::Bytes options) {
  dns::for_each_option(options, [&](std::uint16_t code, dns::Bytes value) {
    if (code != dns::option::extended_error || extended_errors_.size() + value.size() + 4 > max_extended_errors) return;
    dns::append_u16(extended_errors_, code);
    dns::append_u16(extended_errors_, static_cast<std::uint16_t>(value.size()));
    dns::append(extended_errors_, value);
  });
}

/// Finds the first run of addresses in the answer section that have the same owner, as a pointer, type and size.
void Preparation::find_addresses(std::size_t answers) {
  constexpr std::size_t type_before_ttl = 4;
  constexpr std::size_t owner_before_ttl = 6;
  const auto ttls = writer_.ttl_offsets().first(std::min(answers, max_addresses));
  const auto head_of = [&](std::size_t ttl) { return dns::Bytes(wire_).subspan(ttl - owner_before_ttl, 6); };
  for (std::size_t first = 0; first + 1 < ttls.size(); ++first) {
    const auto type = dns::read_u16(wire_, ttls[first] - type_before_ttl);
    if (type != dns::type::a && type != dns::type::aaaa) continue;
    const std::size_t size = type == dns::type::a ? 16 : 28;  // a pointer, ten bytes, the address
    auto last = first;
    while (last + 1 < ttls.size() && ttls[last + 1] - ttls[last] == static_cast<int>(size) &&
           std::ranges::equal(head_of(ttls[last + 1]), head_of(ttls[first])))
      ++last;
    if (last == first) continue;
    addresses_ = {.first = static_cast<std::uint8_t>(first), .count = static_cast<std::uint8_t>(last - first + 1)};
    return;
  }
}

}  // namespace pillion::cache
