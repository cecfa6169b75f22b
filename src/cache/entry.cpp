#include "cache/entry.hpp"

#include <algorithm>
#include <cstring>

#include "dns/name.hpp"

namespace pillion::cache {
namespace {

// The header's flags as they are for this client: what the upstream would have said to it.
std::uint16_t flags_for(const dns::QueryView& query, std::uint16_t stored) {
  const auto asked = query.message.header().flags();
  auto flags = static_cast<std::uint16_t>((stored & ~dns::flag::rd) | (asked & dns::flag::rd));
  const bool wants_ad = query.edns.dnssec_ok || (asked & dns::flag::ad) != 0;
  if (!wants_ad) flags = static_cast<std::uint16_t>(flags & ~dns::flag::ad);
  return flags;
}

// Appends the header of `entry` and the question of `query`.
void append_head(const Entry& entry, const dns::QueryView& query, dns::Buffer& out) {
  const auto start = out.size();
  const auto asked = query.message.bytes();
  dns::append(out, entry.wire().first(dns::header_size));
  dns::write_u16(out, start, query.message.header().id());
  dns::write_u16(out, start + 2, flags_for(query, dns::read_u16(out, start + 2)));
  dns::append(out, asked.subspan(dns::header_size, query.message.question_end() - dns::header_size));
}

}  // namespace

std::uint32_t Entry::units_for(const EntryContent& content) {
  const auto bytes = sizeof(Entry) + 2 * (content.ttl_offsets.size() + content.pointer_offsets.size()) +
                     content.wire.size() + content.extended_errors.size();
  return static_cast<std::uint32_t>((bytes + unit_size - 1) / unit_size);
}

void Entry::fill(const EntryContent& content) {
  stored_ = content.stored;
  lifetime_ = content.admitted.lifetime;
  retry_delay_ = 0;
  hits_ = 0;
  refreshing_ = false;
  kind_ = content.admitted.kind;
  holds_beneath_ = content.holds_beneath;
  dnssec_ok_ = content.dnssec_ok;
  checking_disabled_ = content.checking_disabled;
  wire_size_ = static_cast<std::uint16_t>(content.wire.size());
  errors_size_ = static_cast<std::uint16_t>(content.extended_errors.size());
  ttl_count_ = static_cast<std::uint16_t>(content.ttl_offsets.size());
  pointer_count_ = static_cast<std::uint8_t>(content.pointer_offsets.size());
  name_size_ = 0;
  auto* to = reinterpret_cast<std::uint8_t*>(this + 1);
  const auto put = [&](const void* from, std::size_t size) {
    if (size != 0) std::memcpy(to, from, size);
    to += size;
  };
  put(content.ttl_offsets.data(), content.ttl_offsets.size_bytes());
  put(content.pointer_offsets.data(), content.pointer_offsets.size_bytes());
  put(content.wire.data(), content.wire.size());
  put(content.extended_errors.data(), content.extended_errors.size());
  auto end = dns::header_size;
  while (content.wire[end] != 0) end += std::size_t{1} + content.wire[end];
  name_size_ = static_cast<std::uint8_t>(end + 1 - dns::header_size);
}

bool Entry::matches(const Key& key) const {
  if (name_size_ != key.name.size() || dnssec_ok_ != key.dnssec_ok || checking_disabled_ != key.checking_disabled) {
    return false;
  }
  const auto bytes = wire();
  const auto name_end = dns::header_size + name_size_;
  return dns::read_u16(bytes, name_end) == key.type && dns::read_u16(bytes, name_end + 2) == key.klass &&
         dns::equal_names(name(), key.name);
}

void append_answer(const Entry& entry, const dns::QueryView& query, runtime::Time now, dns::Buffer& out) {
  const auto start = out.size();
  append_head(entry, query, out);
  const auto stored_question_end = dns::header_size + entry.name().size() + 4;
  dns::append(out, entry.wire().subspan(stored_question_end));
  // A name beneath the one that does not exist makes the question longer: all that follows is further back.
  const auto shift = query.question().name.size() - entry.name().size();
  const auto answer = dns::MutableBytes(out).subspan(start);
  if (shift != 0) {
    for (const auto offset : entry.pointer_offsets()) {
      dns::write_u16(answer, offset + shift, static_cast<std::uint16_t>(dns::read_u16(answer, offset + shift) + shift));
    }
  }
  const bool stale = now >= entry.expires();
  const auto age = std::chrono::floor<std::chrono::seconds>(std::max(now - entry.stored(), runtime::Duration{0}));
  const auto aged_by = static_cast<std::uint32_t>(std::min(age, std::chrono::seconds{0x7FFFFFFF}).count());
  for (const auto offset : entry.ttl_offsets()) {
    const auto ttl = dns::read_u32(answer, offset + shift);
    dns::write_u32(answer, offset + shift, stale ? stale_ttl : ttl - std::min(ttl, aged_by));
  }
}

}  // namespace pillion::cache
