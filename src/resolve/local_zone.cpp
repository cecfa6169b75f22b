#include "resolve/local_zone.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace pillion::resolve {
namespace {

using dns::Bytes;
using dns::NameView;

constexpr std::size_t max_response_size = 65'000;  // bytes; leaves 535 for an OPT with its options
constexpr std::size_t max_aliases = 16;
constexpr std::size_t fixed_record_size = 10;  // type, class, TTL, RDLENGTH (RFC 1035 3.2.1)
constexpr std::uint32_t negative_ttl = 300;    // seconds; the header says why

// Stores owners in lower case, since they are found without regard to case (RFC 4343). Answers have the client's own
// letters.
void lower_owner(dns::ZoneRecord& record) {
  for (auto& byte : record.owner) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<std::uint8_t>(byte | 0x20U);
  }
}

// RFC 2181 5.2: all records of a set have the same TTL. Uses the lowest.
void level_ttls(std::vector<dns::ZoneRecord>& set) {
  const auto lowest = std::ranges::min(set, {}, &dns::ZoneRecord::ttl).ttl;
  for (auto& record : set) record.ttl = lowest;
}

// RFC 2181 5: no two records of a set are equal. The others keep the order in which they were written.
void drop_doubles(std::vector<dns::ZoneRecord>& set) {
  std::set<dns::Buffer> seen;
  std::erase_if(set, [&](const auto& record) { return !seen.insert(record.rdata).second; });
}

}  // namespace

/// Builds a response at the end of a buffer.
class LocalZone::Response {
 public:
  Response(const dns::QueryView& query, dns::Buffer& out) : out_(out), start_(out.size()) {
    const auto message = query.message.bytes();
    const auto asked = query.message.header().flags();
    flags_ = static_cast<std::uint16_t>(dns::flag::qr | dns::flag::ra | (asked & (dns::flag::rd | dns::flag::cd)));
    dns::append(out_, message.first(query.message.question_end()));
    std::fill(out_.begin() + static_cast<std::ptrdiff_t>(start_ + 6),
              out_.begin() + static_cast<std::ptrdiff_t>(start_ + dns::header_size), std::uint8_t{0});
    question_end_ = out_.size();
    write_flags();
  }

  void add_flag(std::uint16_t flag) {
    flags_ |= flag;
    write_flags();
  }
  void set_rcode(std::uint16_t rcode) { add_flag(rcode); }

  /// Removes all records and AA.
  void fail(std::uint16_t rcode) {
    out_.resize(question_end_);
    dns::write_u32(out_, start_ + 6, 0);
    flags_ &= static_cast<std::uint16_t>(~dns::flag::aa);
    set_rcode(rcode);
  }

  /// Appends a set of records whose owner is at offset `owner` of the message. Sets TC instead if the set does not
  /// fit.
  void add_answers(std::span<const dns::ZoneRecord> set, std::size_t owner) {
    auto size = out_.size() - start_;
    for (const auto& record : set) size += sizeof(std::uint16_t) + fixed_record_size + record.rdata.size();
    if (size > max_response_size) return add_flag(dns::flag::tc);
    for (const auto& record : set) add_record(record, owner, record.ttl);
    count(6, set.size());
  }

  /// RFC 2308 3: the TTL of the SOA states how long a negative answer is valid.
  void add_authority(const dns::ZoneRecord& soa, std::size_t owner) {
    const auto minimum = dns::read_u32(soa.rdata, soa.rdata.size() - 4);
    add_record(soa, owner, std::min(soa.ttl, minimum));
    count(8, 1);
  }

  /// The offset in the message of the last record's rdata, which has `size` bytes.
  [[nodiscard]] std::size_t last_rdata(std::size_t size) const { return out_.size() - start_ - size; }

 private:
  void write_flags() { dns::write_u16(out_, start_ + 2, flags_); }
  void count(std::size_t offset, std::size_t more) {
    dns::write_u16(out_, start_ + offset, static_cast<std::uint16_t>(dns::read_u16(out_, start_ + offset) + more));
  }
  // The owner is the question's name, the target of an earlier CNAME, or an end of either. Only CNAMEs precede another
  // set, so that a pointer always reaches it (RFC 1035 4.1.4: 14 bits).
  void add_record(const dns::ZoneRecord& record, std::size_t owner, std::uint32_t ttl) {
    dns::append_u16(out_, static_cast<std::uint16_t>(0xC000U | owner));
    dns::append_u16(out_, record.type);
    dns::append_u16(out_, record.klass);
    dns::append_u32(out_, ttl);
    dns::append_u16(out_, static_cast<std::uint16_t>(record.rdata.size()));
    dns::append(out_, record.rdata);
  }

  dns::Buffer& out_;
  std::size_t start_;
  std::size_t question_end_ = 0;
  std::uint16_t flags_ = 0;
};

LocalZone::LocalZone(dns::Buffer origin, std::vector<dns::ZoneRecord> records) : origin_(std::move(origin)) {
  std::erase_if(records, [&](const auto& record) {
    return record.klass != dns::klass::in || !NameView(record.owner).is_within(origin_);
  });
  if (std::ranges::none_of(records, [&](const auto& record) { return is_own_soa(record); })) {
    records.push_back(made_up_soa());
  }
  add_sets(std::move(records));
  soa_ = static_cast<std::size_t>(
      std::ranges::find_if(records_, [&](const auto& record) { return is_own_soa(record); }) - records_.begin());
  add_nodes();
}

void LocalZone::append_answer(const dns::QueryView& query, dns::Buffer& out) const {
  Response response(query, out);
  const auto& question = query.question();
  const bool any_class = question.klass == dns::klass::any;
  if (question.klass != dns::klass::in && !any_class) return response.fail(dns::rcode::refused);
  if (!question.name.is_within(origin_)) return response.fail(dns::rcode::refused);
  if (!any_class) response.add_flag(dns::flag::aa);  // RFC 1034 6.2: never for class ANY

  const auto soa_owner = dns::header_size + question.name.size() - origin_.size();
  auto name = question.name;
  auto owner = dns::header_size;
  for (std::size_t aliases = 0; aliases <= max_aliases; ++aliases) {
    const auto* node = find(name);
    if (node == nullptr) {
      // RFC 2308 2.1, RFC 6604 3: after aliases, the code is about the last name.
      response.set_rcode(dns::rcode::nxdomain);
      return response.add_authority(records_[soa_], soa_owner);
    }
    const auto all = std::span(records_).subspan(node->first, node->last - node->first);
    if (question.type == dns::type::any && !all.empty()) return response.add_answers(all, owner);
    if (const auto set = set_of(all, question.type); !set.empty()) return response.add_answers(set, owner);
    const auto alias = set_of(all, dns::type::cname);
    if (alias.empty()) return response.add_authority(records_[soa_], soa_owner);

    response.add_answers(alias.first(1), owner);  // RFC 2181 10.1: a name has one alias
    name = alias.front().rdata;
    owner = response.last_rdata(name.size());
    if (!name.is_within(origin_)) return;
  }
  response.fail(dns::rcode::servfail);
}

const LocalZone::ZoneNode* LocalZone::node_at(NameView name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}

// The node that answers for `name`, which must lie in the zone: its own or a wildcard's; nullptr if `name` does not
// exist.
const LocalZone::ZoneNode* LocalZone::find(NameView name) const {
  if (const auto* node = node_at(name)) return node;
  return wildcard_for(name);
}

// RFC 4592 3.3.1: the asterisk label directly beneath the closest encloser, which is the longest ancestor that exists.
const LocalZone::ZoneNode* LocalZone::wildcard_for(NameView name) const {
  do {
    name = name.parent();
  } while (node_at(name) == nullptr);  // ends at the origin, which exists
  std::array<std::uint8_t, dns::max_name_size + 2> wildcard{1, '*'};
  std::ranges::copy(name, wildcard.begin() + 2);
  return node_at(Bytes(wildcard).first(name.size() + 2));
}

std::span<const dns::ZoneRecord> LocalZone::set_of(std::span<const dns::ZoneRecord> all, std::uint16_t type) {
  const auto set = std::ranges::equal_range(all, type, {}, &dns::ZoneRecord::type);
  return {set.begin(), set.end()};
}

bool LocalZone::is_own_soa(const dns::ZoneRecord& record) const {
  return record.type == dns::type::soa && NameView(record.owner) == origin_;
}

// As in RFC 6303 3, except for the negative TTL.
dns::ZoneRecord LocalZone::made_up_soa() const {
  dns::ZoneRecord soa{
      .owner = origin_, .type = dns::type::soa, .klass = dns::klass::in, .ttl = negative_ttl, .rdata = {}};
  dns::append(soa.rdata, origin_);                                     // MNAME
  dns::append(soa.rdata, dns::parse_name("nobody.invalid.").value());  // RNAME
  for (const std::uint32_t number : {1U, 3600U, 1200U, 604800U, negative_ttl}) dns::append_u32(soa.rdata, number);
  return soa;
}

void LocalZone::add_sets(std::vector<dns::ZoneRecord> records) {
  std::map<std::pair<dns::Buffer, std::uint16_t>, std::vector<dns::ZoneRecord>> sets;
  for (auto& record : records) {
    lower_owner(record);
    sets[{record.owner, record.type}].push_back(std::move(record));
  }
  for (auto& [key, set] : sets) {
    level_ttls(set);
    drop_doubles(set);
    std::ranges::move(set, std::back_inserter(records_));
  }
}

// Adds a node for each name that has records, and for the names above it up to the origin, which exist too (RFC 4592
// 2.2.2).
void LocalZone::add_nodes() {
  for (std::size_t first = 0; first < records_.size();) {
    const auto& owner = records_[first].owner;
    auto last = first + 1;
    while (last < records_.size() && records_[last].owner == owner) ++last;
    nodes_[owner] = {first, last};
    for (auto above = NameView(owner); above.size() > origin_.size();) {
      above = above.parent();
      nodes_.try_emplace(dns::Buffer(above.begin(), above.end()));
    }
    first = last;
  }
}

}  // namespace pillion::resolve
