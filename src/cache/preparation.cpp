#include "cache/preparation.hpp"

#include <algorithm>
#include <optional>

#include "dns/ttl.hpp"

namespace pillion::cache {
namespace {

constexpr std::size_t opt_fixed_size = 11;  // RFC 6891 section 6.1.2: the root, type, payload size, TTL, RDLENGTH
constexpr std::size_t max_addresses = 255;  // in a set, and TTLs before the set
constexpr std::size_t pointer_size = 2;
constexpr std::size_t fields_before_ttl = 4;  // RFC 1035 3.2.1: type and class

/// The flags of an answer. RD, CD and AD are set for each client (RFC 1035 section 4.1.1, RFC 4035 section 3.2).
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

bool Preparation::prepare_found(const dns::MessageView& message, std::uint32_t lifetime) {
  clear();
  rcode_ = message.header().rcode();
  const auto kind = rcode_ == dns::rcode::nxdomain    ? Kind::nxdomain
                    : message.header().answers() == 0 ? Kind::nodata
                                                      : Kind::positive;
  admitted_ = Admitted{.kind = kind, .lifetime = lifetime};
  // The TTLs of the message are already within their bounds.
  return write(message, {.min_ttl = std::chrono::seconds{0}, .max_ttl = max_time});
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
  if (fits) find_addresses(reply);
  return fits;
}

/// Keeps Extended DNS Errors, which are for the client (RFC 8914 section 3). Other options are between Pillion and the
/// upstream.
void Preparation::keep_errors(dns::Bytes options) {
  dns::for_each_option(options, [&](std::uint16_t code, dns::Bytes value) {
    if (code != dns::option::extended_error || extended_errors_.size() + value.size() + 4 > max_extended_errors) return;
    dns::append_u16(extended_errors_, code);
    dns::append_u16(extended_errors_, static_cast<std::uint16_t>(value.size()));
    dns::append(extended_errors_, value);
  });
}

/// Finds the first sequence of addresses in the answer section with the same owner, type and size, whose owner names
/// are pointers.
void Preparation::find_addresses(const dns::MessageView& reply) {
  if (reply.header().answers() < 2) return;
  const auto answers = std::min<std::size_t>(reply.header().answers(), max_addresses);
  const auto is_address = [&](const dns::Record& record) {
    const bool has_pointer = record.ttl_offset - record.owner == fields_before_ttl + pointer_size;
    const bool is_of_type = record.type == dns::type::a || record.type == dns::type::aaaa;
    return has_pointer && is_of_type && record.klass == dns::klass::in;
  };
  std::size_t index = 0;
  bool is_over = false;
  std::optional<dns::Record> first;
  dns::for_each_record(wire_, reply.question_end(), [&](const dns::Record& record) {
    if (is_over || index >= answers) return;
    const bool goes_on = first && is_address(record) && record.type == first->type &&
                         record.rdata_size == first->rdata_size &&
                         dns::read_u16(wire_, record.owner) == dns::read_u16(wire_, first->owner);
    if (goes_on) {
      ++addresses_.count;
    } else if (addresses_.count >= 2) {
      is_over = true;
    } else {
      first.reset();
      addresses_ = {};
      if (is_address(record)) {
        first = record;
        addresses_ = {.first = static_cast<std::uint8_t>(index), .count = 1};
      }
    }
    ++index;
  });
  if (addresses_.count < 2) addresses_ = {};
}

}  // namespace pillion::cache
