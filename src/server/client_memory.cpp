#include "server/client_memory.hpp"

#include <algorithm>
#include <chrono>

#include <boost/intrusive/parent_from_member.hpp>

namespace pillion::server {
namespace {

/// This many clients that read nothing may have a full socket each before others run short.
constexpr std::size_t clients_that_take_nothing = 128;
constexpr std::size_t least_send_buffer = std::size_t{16} << 10U;
constexpr std::size_t most_send_buffer = std::size_t{128} << 10U;

/// How often waiting sessions check whether the grace period of another is over.
constexpr std::chrono::milliseconds look_again{100};
/// The number of waiting sessions that are woken in one check.
constexpr int woken_at_once = 16;

/// The number of sessions of an address, and of addresses, that are compared at once, so that the cost is bounded. The
/// sessions then move to the end of their list, so that the next comparison is among others.
constexpr int sessions_compared = 32;
constexpr int addresses_compared = 8;

/// A session that holds much for a short time has the same weight as one that holds little for a long time.
double weight(std::size_t bytes, runtime::Duration held_for) {
  return static_cast<double>(bytes) * (std::chrono::duration<double>(held_for).count() + 0.001);
}

}  // namespace

ClientMemory::ClientMemory(runtime::Schedule& schedule, runtime::MemoryShares& shares)
    : schedule_(schedule),
      shares_(shares),
      send_buffer_(std::clamp(shares.output.limit() / clients_that_take_nothing, least_send_buffer, most_send_buffer)) {
}

MemoryHolder::~MemoryHolder() {
  memory_.give_up(*this);
}

MemoryHolder& ClientMemory::holder_of(SessionBytes& session, runtime::MemoryUse use) {
  using boost::intrusive::get_parent_from_member;
  return *(use == runtime::MemoryUse::input ? get_parent_from_member(&session, &MemoryHolder::input_)
                                            : get_parent_from_member(&session, &MemoryHolder::output_));
}

void ClientMemory::give_up(MemoryHolder& holder) {
  if (holder.address_ == nullptr) return;
  set_held(holder, *holder.address_, runtime::MemoryUse::input, 0);
  set_held(holder, *holder.address_, runtime::MemoryUse::output, 0);
}

void ClientMemory::change_held(MemoryHolder& holder, AddressMemory& address, runtime::MemoryUse use,
                               std::size_t bytes) {
  auto& addresses = addresses_of(use);
  auto& all = bytes_of(address, use);
  auto& own = bytes_of(holder, use);
  holder.address_ = &address;
  if (all.bytes > 0) addresses.erase(addresses.iterator_to(all));
  if (own.bytes == 0) all.sessions.push_back(own);
  if (bytes == 0) all.sessions.erase(all.sessions.iterator_to(own));
  all.bytes = all.bytes - own.bytes + bytes;
  own.bytes = bytes;
  if (all.bytes > 0) addresses.insert(all);
}

/// The session to drop, or nullptr if there is none. It belongs to the address that holds the most. If that has only
/// sessions within their grace, to another one that holds at least an equal part.
MemoryHolder* ClientMemory::worst(runtime::MemoryUse use) {
  auto& addresses = addresses_of(use);
  const auto equal_part = share_of(use).used() / std::max<std::size_t>(addresses.size(), 1);
  int compared = 0;
  for (auto address = addresses.rbegin(); address != addresses.rend() && compared < addresses_compared; ++address) {
    if (++compared > 1 && address->bytes < equal_part) break;
    if (auto* const holder = worst_of(*address, use)) return holder;
  }
  return nullptr;
}

/// The session of this address that has held the most for the longest; nullptr if none has for long enough.
MemoryHolder* ClientMemory::worst_of(AddressBytes& address, runtime::MemoryUse use) {
  const auto now = schedule_.clock().now();
  auto& sessions = address.sessions;
  const auto* const last = &sessions.back();
  MemoryHolder* worst = nullptr;
  double most = 0;
  for (int i = 0; i < sessions_compared; ++i) {
    auto& session = sessions.front();
    auto& holder = holder_of(session, use);
    const auto held_for = now - holder.held_since(use);
    const bool has_grace = use == runtime::MemoryUse::input && held_for < input_grace;
    if (const auto weighs = weight(session.bytes, held_for); !has_grace && weighs > most) {
      most = weighs;
      worst = &holder;
    }
    sessions.splice(sessions.end(), sessions, sessions.begin());
    if (&session == last) break;
  }
  return worst;
}

bool ClientMemory::drop_for_room(runtime::MemoryUse use, std::size_t bytes, const MemoryHolder& asker) {
  while (share_of(use).room() < bytes) {
    auto* const holder = worst(use);
    if (holder == nullptr || holder == &asker) return false;
    holder->drop_for_memory();
  }
  return true;
}

void ClientMemory::wait_for_input(MemoryHolder& waiter) {
  if (waiter.waiting_.is_linked()) return;
  waiters_.push_back(waiter);
  if (!is_set()) schedule_.set_deadline(*this, schedule_.clock().now() + look_again);
}

void ClientMemory::input_given_back() {
  if (!waiters_.empty()) wake_one();
}

/// Wakes the session that came last, since those that have waited for long are more likely to be clients that send
/// halves.
void ClientMemory::wake_one() {
  auto& waiter = waiters_.back();
  waiters_.pop_back();
  waiter.room_for_input();
}

void ClientMemory::expired(runtime::Time now) {
  const bool is_room = shares_.input.room() >= resolve::room_for_answer || worst(runtime::MemoryUse::input) != nullptr;
  for (int i = 0; is_room && i < woken_at_once && !waiters_.empty(); ++i) wake_one();
  if (!waiters_.empty()) schedule_.set_deadline(*this, now + look_again);
}

}  // namespace pillion::server
