#include "upstream/mux.hpp"

#include <algorithm>
#include <utility>

#include "dns/name.hpp"
#include "dns/reply.hpp"

namespace pillion::upstream {
namespace {

constexpr std::size_t first_slots = 64;

/// The question section at the start of `message`: name, type, class. The message must be valid.
dns::Bytes question_section(dns::Bytes message) {
  auto end = dns::header_size;
  while (message[end] != 0) end += std::size_t{1} + message[end];
  return message.subspan(dns::header_size, end + 1 + 4 - dns::header_size);
}

/// True if `message` has exactly this question. Only the letter case may differ (RFC 4343).
bool carries(dns::Bytes message, dns::Bytes question) {
  if (message.size() < dns::header_size + question.size()) return false;
  const auto theirs = message.subspan(dns::header_size, question.size());
  if (std::ranges::equal(theirs, question)) return true;
  const auto name_size = question.size() - 4;
  return std::ranges::equal(theirs.subspan(name_size), question.subspan(name_size)) &&
         dns::equal_names(theirs.first(name_size), question.first(name_size));
}

}  // namespace

Mux::Mux(Path path, std::size_t max_in_flight, std::function<std::uint16_t()> random_id)
    : path_(path), max_in_flight_(max_in_flight), random_id_(std::move(random_id)), slots_(first_slots) {}

dns::Bytes Mux::question_of(const Slot& slot) {
  return slot.query != nullptr ? question_section(slot.query->message) : dns::Bytes(*slot.question);
}

/// Makes `newer` follow `index`, or begin the list if `index` is none.
void Mux::set_newer(Index index, Index newer) {
  if (index == none) {
    oldest_ = newer;
  } else {
    slots_[index].newer = newer;
  }
}

void Mux::link(Index index) {
  auto& slot = slots_[index];
  slot.older = newest_;
  slot.newer = none;
  set_newer(newest_, index);
  newest_ = index;
}

void Mux::release(Index index) {
  auto& slot = slots_[index];
  set_newer(slot.older, slot.newer);
  if (slot.newer == none) {
    newest_ = slot.older;
  } else {
    slots_[slot.newer].older = slot.older;
  }
  if (slot.query == nullptr) {
    --abandoned_;
    slot.question.reset();
  }
  slot.query = nullptr;
  slot.taken = false;
  slot.near_misses = 0;
  --in_flight_;
}

void Mux::grow() {
  auto old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  auto from = std::exchange(oldest_, none);
  newest_ = none;
  while (from != none) {
    // Ids that differ in the old low bits differ in the new ones too, so that no two slots collide.
    const auto next = old[from].newer;
    const auto to = index_of(old[from].id);
    slots_[to] = std::move(old[from]);
    link(to);
    from = next;
  }
}

std::uint16_t Mux::add(Query& query, runtime::Time now) {
  if ((in_flight_ + 1) * 2 > slots_.size()) grow();
  std::uint16_t id = 0;
  do {
    id = random_id_();
  } while (slots_[index_of(id)].taken);
  const auto index = index_of(id);
  auto& slot = slots_[index];
  slot.query = &query;
  slot.sent = now;
  slot.id = id;
  slot.taken = true;
  link(index);
  ++in_flight_;
  query.id = id;
  return id;
}

/// The query that a message is probably meant for, whose id no query has: the one with its question, or the only one
/// that waits. Over a stream the server has answered wrongly, and waiting for an answer that it has already sent is
/// useless.
std::optional<Mux::Index> Mux::meant_by(dns::Bytes message) const {
  // A message with another question is meant for no query that waits: an answer sent twice, for example.
  const bool is_readable = dns::MessageView::parse(message).has_value();
  std::optional<Index> only;
  for (auto index = oldest_; index != none; index = slots_[index].newer) {
    if (slots_[index].query == nullptr) continue;
    if (carries(message, question_of(slots_[index]))) return index;
    only = only ? none : index;
  }
  return is_readable || only == none ? std::nullopt : only;
}

/// True if a message with the id of `slot`, but without its question, is ignored.
bool Mux::is_passed_over(Slot& slot) const {
  if (path_ == Path::stream) return false;
  // Nobody waits for this query. The right reply may still come and return the id.
  return slot.query == nullptr || slot.near_misses++ < near_misses_passed_over;
}

/// True if a server that could not read the question need not repeat it. In a datagram this is accepted only for EDNS
/// as the possible reason: the answer to the query without EDNS must still match.
bool Mux::is_unread(const dns::Header& header, const Slot& slot) const {
  const auto rcode = header.rcode();
  if (header.questions() != 0 || rcode == dns::rcode::noerror || rcode == dns::rcode::nxdomain) return false;
  if (path_ == Path::stream) return true;
  const bool is_of_edns = rcode == dns::rcode::formerr || rcode == dns::rcode::notimp;
  return is_of_edns && slot.query != nullptr && !slot.query->without_edns && !slot.query->opaque;
}

/// The reply in a message that has the question of `slot`.
std::expected<Reply, Error> Mux::read(dns::Bytes message, const Slot& slot, bool is_cut) const {
  const auto header = *dns::Header::of(message);
  Reply reply{.message = {}, .rcode = header.rcode()};
  // Tested before the records, the last of which may have been cut anywhere.
  reply.is_truncated = path_ == Path::datagrams && (is_cut || header.is_truncated());
  const auto view = dns::MessageView::parse(message);
  if (view && dns::is_sound_reply(*view, slot.query != nullptr && slot.query->opaque)) {
    reply.message = *view;
  } else if (!reply.is_truncated) {
    return std::unexpected(Error::malformed_reply);
  }
  return reply;
}

std::expected<Mux::Received, Error> Mux::receive(dns::Bytes message, runtime::Time now, bool is_cut) {
  const auto header = dns::Header::of(message);
  if (!header) return std::unexpected(Error::malformed_reply);
  const auto index = index_of(header->id());
  if (!slots_[index].taken || slots_[index].id != header->id()) {
    const auto meant = path_ == Path::stream ? meant_by(message) : std::nullopt;
    if (!meant) return std::unexpected(Error::mismatched_reply);
    auto* const query = slots_[*meant].query;
    release(*meant);
    return Received{.query = query, .reply = std::unexpected(Error::mismatched_reply)};
  }
  auto& slot = slots_[index];

  Received received{.query = slot.query, .reply = std::unexpected(Error::mismatched_reply)};
  if (header->is_response() && is_unread(*header, slot)) {
    if (header->opcode() == dns::opcode::query) {
      received.reply = Reply{.message = {}, .rcode = header->rcode()};
    } else {
      received.reply = std::unexpected(Error::malformed_reply);
    }
  } else if (header->is_response() && header->questions() == 1 && carries(message, question_of(slot))) {
    received.reply = read(message, slot, is_cut);
  } else if (is_passed_over(slot)) {
    return std::unexpected(Error::mismatched_reply);
  }
  if (received.reply) received.reply->latency = now - slot.sent;
  ++answered_;
  release(index);
  return received;
}

Query* Mux::take_back(std::uint16_t id) {
  const auto index = index_of(id);
  auto& slot = slots_[index];
  if (!slot.taken || slot.id != id || slot.query == nullptr) return nullptr;
  auto* const query = slot.query;
  release(index);
  return query;
}

Query* Mux::take_oldest(const Query* apart) {
  for (auto index = oldest_; index != none; index = slots_[index].newer) {
    auto* const query = slots_[index].query;
    if (query == nullptr || query == apart) continue;
    release(index);
    return query;
  }
  return nullptr;
}

void Mux::delay_all(const Query* apart) {
  for (auto index = oldest_; index != none; index = slots_[index].newer) {
    if (slots_[index].query != nullptr && slots_[index].query != apart) slots_[index].query->delayed();
  }
}

void Mux::abandon(Query& query) {
  auto& slot = slots_[index_of(query.id)];
  const auto question = question_section(query.message);
  slot.question = std::make_unique<dns::Buffer>(question.begin(), question.end());
  slot.query = nullptr;
  ++abandoned_;
}

std::vector<Query*> Mux::close() {
  std::vector<Query*> queries;
  queries.reserve(waited_for());
  while (oldest_ != none) {
    if (slots_[oldest_].query != nullptr) queries.push_back(slots_[oldest_].query);
    release(oldest_);
  }
  return queries;
}

std::optional<runtime::Time> Mux::oldest_waited_for(const Query* apart) const {
  for (auto index = oldest_; index != none; index = slots_[index].newer) {
    const auto& slot = slots_[index];
    if (slot.query != nullptr && slot.query != apart) return slot.sent;
  }
  return std::nullopt;
}

std::optional<runtime::Time> Mux::oldest_unanswered() const {
  if (oldest_ == none) return std::nullopt;
  return slots_[oldest_].sent;
}

std::optional<runtime::Time> Mux::newest_unanswered() const {
  if (newest_ == none) return std::nullopt;
  return slots_[newest_].sent;
}

}  // namespace pillion::upstream
