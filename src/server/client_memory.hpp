#pragma once
// The memory for what clients have sent but not completed, and for answers that they have not read: who holds it, who
// waits for it, and who has to give it back when it is short. Pure.

#include <cstddef>

#include <boost/intrusive/list.hpp>

#include "resolve/kept_answer.hpp"
#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"

namespace pillion::server {

/// Bytes, and since when they are held because the client has not done its part.
struct Held {
  std::size_t bytes = 0;
  runtime::Time since;
};

/// A client's session as a holder of memory. The destructor takes it off the lists.
class MemoryHolder {
 public:
  MemoryHolder() = default;
  MemoryHolder(const MemoryHolder&) = delete;
  MemoryHolder& operator=(const MemoryHolder&) = delete;

  /// What it holds of the share for input or for output.
  [[nodiscard]] virtual Held held(runtime::MemoryUse use) const = 0;
  /// Gives everything back by dropping the client.
  virtual void drop_for_memory() = 0;
  /// There may be room for input now. Never called from within another call of ClientMemory.
  virtual void room_for_input() = 0;

 protected:
  ~MemoryHolder() = default;

 private:
  friend class ClientMemory;
  using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  Hook holding_;
  Hook waiting_;
};

/// One for all sessions of a shard.
class ClientMemory final : runtime::Deadline {
 public:
  /// A client that has held memory for input for longer than this may be dropped if others need the memory.
  static constexpr std::chrono::milliseconds input_grace{1000};

  /// `shares` must outlive this.
  ClientMemory(runtime::Schedule& schedule, runtime::MemoryShares& shares);
  ~ClientMemory() override { schedule_.clear_deadline(*this); }

  [[nodiscard]] runtime::MemoryShare& connections() { return shares_.connections; }
  [[nodiscard]] runtime::MemoryShare& input() { return shares_.input; }
  [[nodiscard]] runtime::MemoryShare& output() { return shares_.output; }

  /// The bytes that the kernel should hold for a client that has not read them (SO_SNDBUF). A session whose client
  /// reads nothing holds these too, and the kernel counts twice as many.
  [[nodiscard]] std::size_t send_buffer() const { return send_buffer_; }

  /// From now until stop_holding(), the session can be made to give back what it holds.
  void start_holding(MemoryHolder& holder);
  void stop_holding(MemoryHolder& holder);

  /// True if the share has `bytes` for `asker`. If it has not, drops the sessions that have held the most of it for
  /// the longest, except the asker itself.
  [[nodiscard]] bool make_room(runtime::MemoryUse use, std::size_t bytes, const MemoryHolder& asker) {
    const auto& share = use == runtime::MemoryUse::input ? shares_.input : shares_.output;
    return share.room() >= bytes || drop_for_room(use, bytes, asker);
  }

  /// Requests a later call of room_for_input().
  void wait_for_input(MemoryHolder& waiter);
  [[nodiscard]] static bool is_waiting(const MemoryHolder& holder) { return holder.waiting_.is_linked(); }
  /// Called when input memory has been given back.
  void input_given_back();

 private:
  using Holding = boost::intrusive::member_hook<MemoryHolder, MemoryHolder::Hook, &MemoryHolder::holding_>;
  using Waiting = boost::intrusive::member_hook<MemoryHolder, MemoryHolder::Hook, &MemoryHolder::waiting_>;
  using Unsized = boost::intrusive::constant_time_size<false>;

  void expired(runtime::Time now) override;
  [[nodiscard]] bool drop_for_room(runtime::MemoryUse use, std::size_t bytes, const MemoryHolder& asker);
  [[nodiscard]] MemoryHolder* worst(runtime::MemoryUse use);
  void wake_one();

  runtime::Schedule& schedule_;
  runtime::MemoryShares& shares_;
  std::size_t send_buffer_;
  boost::intrusive::list<MemoryHolder, Holding, Unsized> holders_;
  boost::intrusive::list<MemoryHolder, Waiting, Unsized> waiters_;
};

}  // namespace pillion::server
