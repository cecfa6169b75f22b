#include "cache/entry.hpp"

#include <algorithm>
#include <cstring>

#include "dns/name.hpp"
#include "dns/response.hpp"

namespace pillion::cache {
namespace {

/// Copies the letter case of the question into the target of the alias that follows it: the name that a walk along the
/// search list found starts with the labels of the question. The alias is the first record, whose target stands after a
/// pointer and ten bytes.
void copy_letters(dns::MutableBytes answer, std::size_t question_end) {
  constexpr std::size_t target_after_question = 12;
  auto from = dns::header_size;
  auto to = question_end + target_after_question;
  const auto label = [&](std::size_t at) { return answer.subspan(at, std::size_t{answer[at]} + 1); };
  while (answer[from] != 0 && answer[to] <= dns::max_label_size && dns::equal_names(label(from), label(to))) {
    std::ranges::copy(label(from), answer.begin() + static_cast<std::ptrdiff_t>(to));
    const auto size = std::size_t{answer[from]} + 1;
    from += size;
    to += size;
  }
}

}  // namespace

std::uint32_t Entry::units_for(const EntryContent& content) {
  const auto& answer = content.answer;
  const auto bytes = sizeof(Entry) + 2 * (answer.ttl_offsets().size() + content.pointer_offsets().size()) +
                     answer.wire().size() + answer.extended_errors().size();
  return static_cast<std::uint32_t>((bytes + unit_size - 1) / unit_size);
}

void Entry::fill(const EntryContent& content) {
  const auto& answer = content.answer;
  const auto& key = content.key;
  stored_ = content.stored;
  lifetime_ = answer.admitted()->lifetime;
  retry_delay_ = 0;
  hits_ = 0;
  refreshing_ = false;
  kind_ = answer.admitted()->kind;
  holds_beneath_ = content.holds_beneath;
  dnssec_ok_ = key.dnssec_ok;
  checking_disabled_ = key.checking_disabled;
  searched_ = key.searched;
  wire_size_ = static_cast<std::uint16_t>(answer.wire().size());
  errors_size_ = static_cast<std::uint16_t>(answer.extended_errors().size());
  ttl_count_ = static_cast<std::uint16_t>(answer.ttl_offsets().size());
  pointer_count_ = static_cast<std::uint8_t>(content.pointer_offsets().size());
  name_size_ = static_cast<std::uint8_t>(key.name.size());
  addresses_ = answer.addresses();
  auto* to = reinterpret_cast<std::uint8_t*>(this + 1);
  const auto put = [&](const void* from, std::size_t size) {
    if (size != 0) std::memcpy(to, from, size);
    to += size;
  };
  put(answer.ttl_offsets().data(), answer.ttl_offsets().size_bytes());
  put(content.pointer_offsets().data(), content.pointer_offsets().size_bytes());
  auto* const wire = to;
  put(answer.wire().data(), answer.wire().size());
  const dns::MutableBytes stored(wire, answer.wire().size());
  dns::write_u16(stored, dns::header_size + name_size_, key.type);
  // The lifetime of a denial may be less than the TTLs of other records, such as those of an alias that leads to it.
  if (kind_ != Kind::positive) {
    for (const auto offset : answer.ttl_offsets())
      dns::write_u32(stored, offset, std::min(dns::read_u32(stored, offset), lifetime_));
  }
  put(answer.extended_errors().data(), answer.extended_errors().size());
}

bool Entry::matches(const Key& key) const {
  if (name_size_ != key.name.size() || dnssec_ok_ != key.dnssec_ok || checking_disabled_ != key.checking_disabled ||
      searched_ != key.searched) {
    return false;
  }
  const auto bytes = wire();
  const auto name_end = dns::header_size + name_size_;
  return dns::read_u16(bytes, name_end) == key.type && dns::read_u16(bytes, name_end + 2) == key.klass &&
         name() == key.name;
}

void append_answer(const Entry& entry, const dns::QueryView& query, runtime::Time now, std::size_t rotation,
                   dns::Buffer& out) {
  const auto start = out.size();
  const auto wire = entry.wire();
  const auto stored_question_end = dns::header_size + entry.name().size() + 4;
  dns::append(out, wire.first(dns::header_size));
  dns::append(out, query.message.bytes().subspan(dns::header_size, query.message.question_end() - dns::header_size));
  dns::append(out, wire.subspan(stored_question_end));
  dns::address_to(query, dns::MutableBytes(out).subspan(start));
  // If the name lies beneath the one that is denied, the question is longer, and all records are shifted.
  const auto shift = query.question().name.size() - entry.name().size();
  const auto answer = dns::MutableBytes(out).subspan(start);
  if (shift != 0) {
    for (const auto offset : entry.pointer_offsets()) {
      dns::write_u16(answer, offset + shift, static_cast<std::uint16_t>(dns::read_u16(answer, offset + shift) + shift));
    }
  }
  const auto ttls = entry.ttl_offsets();
  if (const auto set = entry.addresses_; set.count != 0 && rotation % set.count != 0) {
    constexpr std::size_t owner_before_ttl = 6;
    const auto size = std::size_t{ttls[set.first + 1U]} - ttls[set.first];
    const auto addresses = answer.subspan(ttls[set.first] - owner_before_ttl, size * set.count);
    std::ranges::rotate(addresses, addresses.begin() + static_cast<std::ptrdiff_t>(rotation % set.count * size));
  }
  if (entry.searched_ && entry.kind() == Kind::positive) copy_letters(answer, stored_question_end);
  const bool stale = now >= entry.expires();
  const auto age = std::chrono::floor<std::chrono::seconds>(std::max(now - entry.stored(), runtime::Duration{0}));
  const auto aged_by = static_cast<std::uint32_t>(std::min(age, std::chrono::seconds{0x7FFFFFFF}).count());
  for (const auto offset : ttls) {
    const auto ttl = dns::read_u32(answer, offset + shift);
    dns::write_u32(answer, offset + shift, stale ? stale_ttl : ttl - std::min(ttl, aged_by));
  }
}

}  // namespace pillion::cache
