#pragma once
// The memory for what clients have sent but not completed, and for answers that they have not read: who holds it, who
// waits for it, and who has to give it back when it is short. Pure.

#include <cstddef>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include "resolve/kept_answer.hpp"
#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"

namespace pillion::server {

class ClientMemory;
class MemoryHolder;

/// What one session holds of one share.
struct SessionBytes {
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>> hook;
  std::size_t bytes = 0;
};

/// What the sessions of one client address hold of one share.
struct AddressBytes {
  using Hook = boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                                 boost::intrusive::optimize_size<true>>;
  using Sessions = boost::intrusive::list<
      SessionBytes, boost::intrusive::member_hook<SessionBytes, decltype(SessionBytes::hook), &SessionBytes::hook>,
      boost::intrusive::constant_time_size<false>>;
  struct Fewer {
    bool operator()(const AddressBytes& left, const AddressBytes& right) const { return left.bytes < right.bytes; }
  };

  Hook hook;
  std::size_t bytes = 0;
  Sessions sessions;  ///< those that hold some; the one that was looked at last comes last
};

/// What the sessions of one client address hold together. It must outlive what they hold.
struct AddressMemory {
  AddressBytes input;
  AddressBytes output;
};

/// A client's session as a holder of memory. The destructor takes it off the lists.
class MemoryHolder {
 public:
  /// `memory` must outlive this.
  explicit MemoryHolder(ClientMemory& memory) : memory_(memory) {}
  MemoryHolder(const MemoryHolder&) = delete;
  MemoryHolder& operator=(const MemoryHolder&) = delete;

  /// Since when it holds memory for input or for output because the client has not done its part.
  [[nodiscard]] virtual runtime::Time held_since(runtime::MemoryUse use) const = 0;
  /// Gives everything back by dropping the client.
  virtual void drop_for_memory() = 0;
  /// There may be room for input now. Never called from within another call of ClientMemory.
  virtual void room_for_input() = 0;

 protected:
  ~MemoryHolder();

  ClientMemory& memory_;

 private:
  friend class ClientMemory;
  using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  AddressMemory* address_ = nullptr;  // of the client; nullptr until the session holds something
  SessionBytes input_;
  SessionBytes output_;
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

  /// The most bytes that the kernel should hold until the client has acknowledged them (SO_SNDBUF). It counts twice as
  /// many, and those of a client that reads nothing are part of the share for output.
  [[nodiscard]] std::size_t send_buffer() const { return send_buffer_; }

  /// The session, whose client has `address`, holds so many bytes of the share now. While it holds any, it can be made
  /// to give them back.
  void set_held(MemoryHolder& holder, AddressMemory& address, runtime::MemoryUse use, std::size_t bytes) {
    if (bytes_of(holder, use).bytes != bytes) change_held(holder, address, use, bytes);
  }
  /// The session holds nothing any more.
  void give_up(MemoryHolder& holder);

  /// True if the share has `bytes` for `asker`. If it has not, drops sessions of the address that holds the most of
  /// it: of these, the ones that have held the most for the longest. Never drops the asker itself.
  [[nodiscard]] bool make_room(runtime::MemoryUse use, std::size_t bytes, const MemoryHolder& asker) {
    return share_of(use).room() >= bytes || drop_for_room(use, bytes, asker);
  }

  /// Requests a later call of room_for_input().
  void wait_for_input(MemoryHolder& waiter);
  [[nodiscard]] static bool is_waiting(const MemoryHolder& holder) { return holder.waiting_.is_linked(); }
  /// Called when input memory has been given back.
  void input_given_back();

 private:
  using Waiting = boost::intrusive::member_hook<MemoryHolder, MemoryHolder::Hook, &MemoryHolder::waiting_>;
  using Unsized = boost::intrusive::constant_time_size<false>;
  /// The addresses that hold something of one share, by their bytes.
  using Addresses =
      boost::intrusive::multiset<AddressBytes,
                                 boost::intrusive::member_hook<AddressBytes, AddressBytes::Hook, &AddressBytes::hook>,
                                 boost::intrusive::compare<AddressBytes::Fewer>>;

  // `use` is input or output.
  [[nodiscard]] const runtime::MemoryShare& share_of(runtime::MemoryUse use) const {
    return use == runtime::MemoryUse::input ? shares_.input : shares_.output;
  }
  [[nodiscard]] Addresses& addresses_of(runtime::MemoryUse use) {
    return use == runtime::MemoryUse::input ? holding_input_ : holding_output_;
  }
  [[nodiscard]] static AddressBytes& bytes_of(AddressMemory& address, runtime::MemoryUse use) {
    return use == runtime::MemoryUse::input ? address.input : address.output;
  }
  [[nodiscard]] static SessionBytes& bytes_of(MemoryHolder& holder, runtime::MemoryUse use) {
    return use == runtime::MemoryUse::input ? holder.input_ : holder.output_;
  }
  [[nodiscard]] static MemoryHolder& holder_of(SessionBytes& session, runtime::MemoryUse use);
  void change_held(MemoryHolder& holder, AddressMemory& address, runtime::MemoryUse use, std::size_t bytes);
  void expired(runtime::Time now) override;
  [[nodiscard]] bool drop_for_room(runtime::MemoryUse use, std::size_t bytes, const MemoryHolder& asker);
  [[nodiscard]] MemoryHolder* worst(runtime::MemoryUse use);
  [[nodiscard]] MemoryHolder* worst_of(AddressBytes& address, runtime::MemoryUse use);
  void wake_one();

  runtime::Schedule& schedule_;
  runtime::MemoryShares& shares_;
  std::size_t send_buffer_;
  Addresses holding_input_;
  Addresses holding_output_;
  boost::intrusive::list<MemoryHolder, Waiting, Unsized> waiters_;
};

}  // namespace pillion::server
