#include "server/client_memory.hpp"

#include <algorithm>
#include <chrono>

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

/// A client that holds much for a short time has the same weight as one that holds little for a long time.
double weight(const Held& held, runtime::Time now) {
  const auto seconds = std::chrono::duration<double>(now - held.since).count();
  return static_cast<double>(held.bytes) * (seconds + 0.001);
}

}  // namespace

ClientMemory::ClientMemory(runtime::Schedule& schedule, runtime::MemoryShares& shares)
    : schedule_(schedule),
      shares_(shares),
      send_buffer_(std::clamp(shares.output.limit() / clients_that_take_nothing, least_send_buffer, most_send_buffer)) {
}

void ClientMemory::start_holding(MemoryHolder& holder) {
  if (!holder.holding_.is_linked()) holders_.push_back(holder);
}

void ClientMemory::stop_holding(MemoryHolder& holder) {
  holder.holding_.unlink();
}

/// The holder that has held the most for the longest; nullptr if no holder has anything, or not for long enough.
MemoryHolder* ClientMemory::worst(runtime::MemoryUse use) {
  const auto now = schedule_.clock().now();
  MemoryHolder* worst = nullptr;
  double most = 0;
  for (auto& holder : holders_) {
    const auto held = holder.held(use);
    if (held.bytes == 0) continue;
    if (use == runtime::MemoryUse::input && now - held.since < input_grace) continue;
    if (const auto weighs = weight(held, now); weighs > most) {
      most = weighs;
      worst = &holder;
    }
  }
  return worst;
}

bool ClientMemory::drop_for_room(runtime::MemoryUse use, std::size_t bytes, const MemoryHolder& asker) {
  const auto& share = use == runtime::MemoryUse::input ? shares_.input : shares_.output;
  while (share.room() < bytes) {
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
