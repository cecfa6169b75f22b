#include "cache/preparation.hpp"

#include <optional>

#include "dns/ttl.hpp"

namespace pillion::cache {
namespace {

constexpr std::size_t max_pointers = 255;
constexpr std::size_t opt_fixed_size = 11;          // RFC 6891 6.1.2: the root, type, size, TTL, RDLENGTH
constexpr std::size_t max_pointer_target = 0x3FFF;  // RFC 1035 4.1.4: 14 bits

// The names in the rdata of those types that a denial is made of (RFC 2308 section 2, RFC 4035 3.1.3, RFC 5155 7.2).
// NSEC and RRSIG should not have theirs compressed, but can be met so.
struct NamesInRdata {
  std::size_t offset = 0;
  int count = 0;
};
std::optional<NamesInRdata> names_in_rdata(std::uint16_t rr_type) {
  switch (rr_type) {
    case dns::type::soa:
      return NamesInRdata{.offset = 0, .count = 2};
    case dns::type::ns:
    case dns::type::nsec:
      return NamesInRdata{.offset = 0, .count = 1};
    case dns::type::rrsig:
      return NamesInRdata{.offset = 18, .count = 1};
    case dns::type::nsec3:
      return NamesInRdata{};
    default:
      return std::nullopt;
  }
}

bool ends_in_pointer(dns::Bytes message, std::size_t name) {
  while (message[name] != 0 && message[name] <= dns::max_label_size) name += std::size_t{message[name]} + 1;
  return message[name] != 0;
}

}  // namespace

void Preparation::clear() {
  wire.clear();
  ttl_offsets.clear();
  pointer_offsets.clear();
  extended_errors.clear();
  holds_beneath = false;
}

bool Preparation::prepare(const dns::MessageView& reply, const Admitted& admitted, const Settings& settings) {
  clear();
  if (!dns::append_without_opt(reply, wire)) return false;
  const auto view = dns::MessageView::parse(wire);
  if (!view) return false;
  dns::write_u16(wire, 0, 0);
  dns::for_each_ttl(*view, [&](std::size_t offset, std::uint32_t ttl) {
    ttl_offsets.push_back(static_cast<std::uint16_t>(offset));
    dns::write_u32(wire, offset, bounded_ttl(ttl, admitted, settings));
  });
  if (admitted.denies_name) {
    holds_beneath = collect_pointers(*view);
    if (!holds_beneath) pointer_offsets.clear();
    dns::write_u16(wire, view->question_end() - 4, every_type);
  }
  auto options = dns::read_edns(reply).options;
  while (options.size() >= 4) {
    const auto size = std::size_t{4} + dns::read_u16(options, 2);
    const bool kept = dns::read_u16(options, 0) == dns::option::extended_error && size >= 6;
    if (kept && extended_errors.size() + size <= max_extended_errors) {
      dns::append(extended_errors, options.first(size));
    }
    options = options.subspan(size);
  }
  return true;
}

void Preparation::prepare_failure(const Key& key, const dns::ExtendedError& error) {
  clear();
  const auto flags = dns::flag::qr | dns::flag::rd | dns::flag::ra | (key.checking_disabled ? dns::flag::cd : 0U);
  dns::append_query(wire, 0, static_cast<std::uint16_t>(flags | dns::rcode::servfail), key.name, key.type, key.klass);
  const auto message_size = wire.size();
  dns::OptWriter(wire, 0, {}).add_extended_error(error.info_code, error.text);
  const auto options = dns::Bytes(wire).subspan(message_size + opt_fixed_size);
  dns::append(extended_errors, options);
  wire.resize(message_size);
  dns::write_u16(wire, 10, 0);
}

bool Preparation::collect_pointers(const dns::MessageView& view) {
  const auto message = view.bytes();
  if (message.size() + dns::max_name_size > max_pointer_target) return false;
  // Notes the pointer of the name at `offset`, if it has one, and moves on behind the name.
  const auto step = [&](std::size_t& offset, std::size_t end) {
    const auto size = dns::skip_name(message, offset);
    if (!size || *size > end - offset) return false;
    if (ends_in_pointer(message, offset)) pointer_offsets.push_back(static_cast<std::uint16_t>(offset + *size - 2));
    offset += *size;
    return true;
  };
  bool known = true;
  dns::for_each_record(view, [&](const dns::Record& record) {
    const auto names = names_in_rdata(record.type);
    if (!names || names->offset > record.rdata_size) known = false;
    if (!known) return;
    auto owner = record.owner;
    auto rdata = record.rdata + names->offset;
    known = step(owner, record.rdata);
    for (int i = 0; known && i < names->count; ++i) known = step(rdata, record.end);
  });
  return known && pointer_offsets.size() <= max_pointers;
}

}  // namespace pillion::cache
