#pragma once
// The memory for what clients have sent and not finished, and for what they have been given and not taken: who holds
// it, who waits for it, and who has to give it back where there is too little. Pure.

#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/intrusive/list.hpp>

#include "resolve/kept_answer.hpp"
#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"

namespace pillion::server {

/// Bytes, and since when they are held without the client having done its part.
struct Held {
  std::size_t bytes = 0;
  runtime::Time since;
};

/// A client's session, as far as its memory goes. Leaves the lists by itself when it is destroyed.
class MemoryHolder {
 public:
  MemoryHolder() = default;
  MemoryHolder(const MemoryHolder&) = delete;
  MemoryHolder& operator=(const MemoryHolder&) = delete;

  /// What it holds of the share for input, or of that for output.
  [[nodiscard]] virtual Held held(runtime::MemoryUse use) const = 0;
  /// Gives everything back: the client is dropped.
  virtual void drop_for_memory() = 0;
  /// There may be room for input now. Not called within a call of ClientMemory's user.
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
  /// A client that has had memory for its messages for so long is dropped where others need it.
  static constexpr std::chrono::milliseconds input_grace{1000};

  /// Bytes of answers that are composed for TCP clients in one turn: then the other sockets have theirs, and each
  /// session goes on in the next.
  static constexpr std::size_t output_of_turn = std::size_t{256} << 10U;

  /// `shares` outlive this.
  ClientMemory(runtime::Schedule& schedule, runtime::MemoryShares& shares);
  ~ClientMemory() override { schedule_.clear_deadline(*this); }

  [[nodiscard]] runtime::MemoryShare& connections() { return shares_.connections; }
  [[nodiscard]] runtime::MemoryShare& input() { return shares_.input; }
  [[nodiscard]] runtime::MemoryShare& output() { return shares_.output; }

  /// Bytes that the kernel is to keep for a client, of what it has been given and has not taken (SO_SNDBUF). A session
  /// whose client takes nothing holds these too, and the kernel counts twice as many.
  [[nodiscard]] std::size_t send_buffer() const { return send_buffer_; }

  /// So many bytes of answers were composed in this turn.
  void note_output(std::uint64_t turn, std::size_t bytes) {
    if (std::exchange(turn_, turn) != turn) turns_output_ = 0;
    turns_output_ += bytes;
  }
  /// False once that is enough for this turn.
  [[nodiscard]] bool may_compose(std::uint64_t turn) const { return turn != turn_ || turns_output_ < output_of_turn; }

  /// From now on, until stop_holding(), the session can be made to give back what it holds.
  void start_holding(MemoryHolder& holder);
  void stop_holding(MemoryHolder& holder);

  /// True if there are so many bytes for `asker`. Where there are not, those of the same share are dropped who have
  /// held the most for the longest, unless that is the asker itself.
  [[nodiscard]] bool make_room(runtime::MemoryUse use, std::size_t bytes, const MemoryHolder& asker) {
    const auto& share = use == runtime::MemoryUse::input ? shares_.input : shares_.output;
    return share.room() >= bytes || drop_for_room(use, bytes, asker);
  }

  /// room_for_input() follows.
  void wait_for_input(MemoryHolder& waiter);
  [[nodiscard]] static bool is_waiting(const MemoryHolder& holder) { return holder.waiting_.is_linked(); }
  /// To be called when input has been given back.
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
  std::uint64_t turn_ = 0;
  std::size_t turns_output_ = 0;
  boost::intrusive::list<MemoryHolder, Holding, Unsized> holders_;
  boost::intrusive::list<MemoryHolder, Waiting, Unsized> waiters_;
};

}  // namespace pillion::server
