#include "upstream/mux.hpp"

#include <algorithm>
#include <utility>

#include "dns/name.hpp"
#include "dns/reply.hpp"

namespace pillion::upstream {
namespace {

constexpr std::size_t first_slots = 64;

/// The question section that `message` starts with: name, type, class. Whoever made the message has checked it.
dns::Bytes question_section(dns::Bytes message) {
  auto end = dns::header_size;
  while (message[end] != 0) end += std::size_t{1} + message[end];
  return message.subspan(dns::header_size, end + 1 + 4 - dns::header_size);
}

/// Does `message` carry exactly this question? Letter case may differ (RFC 4343), nothing else.
bool carries(dns::Bytes message, dns::Bytes question) {
  if (message.size() < dns::header_size + question.size()) return false;
  const auto theirs = message.subspan(dns::header_size, question.size());
  if (std::ranges::equal(theirs, question)) return true;
  const auto name_size = question.size() - 4;
  return std::ranges::equal(theirs.subspan(name_size), question.subspan(name_size)) &&
         dns::equal_names(theirs.first(name_size), question.first(name_size));
}

}  // namespace

Mux::Mux(std::size_t max_in_flight, std::function<std::uint16_t()> random_id)
    : max_in_flight_(max_in_flight), random_id_(std::move(random_id)), slots_(first_slots) {}

dns::Bytes Mux::question_of(const Slot& slot) {
  return slot.query != nullptr ? question_section(slot.query->message) : dns::Bytes(*slot.question);
}

void Mux::link(Index index) {
  auto& slot = slots_[index];
  slot.older = newest_;
  slot.newer = none;
  (newest_ == none ? oldest_ : slots_[newest_].newer) = index;
  newest_ = index;
}

void Mux::release(Index index) {
  auto& slot = slots_[index];
  (slot.older == none ? oldest_ : slots_[slot.older].newer) = slot.newer;
  (slot.newer == none ? newest_ : slots_[slot.newer].older) = slot.older;
  if (slot.query == nullptr) {
    --abandoned_;
    slot.question.reset();
  }
  slot.query = nullptr;
  slot.taken = false;
  --in_flight_;
}

void Mux::grow() {
  auto old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  auto from = std::exchange(oldest_, none);
  newest_ = none;
  while (from != none) {
    // Ids that differ in the old low bits differ in the new ones too: no two slots meet.
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

std::expected<Mux::Received, Error> Mux::receive(dns::Bytes message, runtime::Time now) {
  const auto header = dns::Header::of(message);
  if (!header) return std::unexpected(Error::malformed_reply);
  const auto index = index_of(header->id());
  const auto& slot = slots_[index];
  if (!header->is_response() || !slot.taken || slot.id != header->id()) return std::unexpected(Error::mismatched_reply);

  Received received{.query = slot.query,
                    .reply = Reply{.message = {}, .rcode = header->rcode(), .latency = now - slot.sent}};
  if (header->questions() == 0 && header->rcode() != dns::rcode::noerror && header->rcode() != dns::rcode::nxdomain) {
    // The server could not read the question, so it cannot repeat it; there is nothing in the answer to believe either.
    if (header->opcode() != dns::opcode::query) received.reply = std::unexpected(Error::malformed_reply);
  } else if (header->questions() != 1 || !carries(message, question_of(slot))) {
    return std::unexpected(Error::mismatched_reply);
  } else if (const auto view = dns::MessageView::parse(message);
             view && dns::is_sound_reply(*view, slot.query != nullptr && slot.query->opaque)) {
    received.reply->message = *view;
  } else {
    received.reply = std::unexpected(Error::malformed_reply);
  }
  ++answered_;
  release(index);
  return received;
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

}  // namespace pillion::upstream
