#pragma once
// One TCP client (RFC 7766): reads in batches, answers out of order, writes once in a turn, and never makes others
// wait.

#include <cstddef>
#include <optional>

#include <boost/asio/ip/tcp.hpp>

#include "dns/framing.hpp"
#include "runtime/loop.hpp"
#include "server/client.hpp"
#include "server/client_memory.hpp"
#include "server/query_handler.hpp"
#include "server/tcp_output.hpp"
#include "server/turn_queue.hpp"

namespace pillion::server {

using ClientSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

/// Limits of a session that the configuration does not set.
struct SessionLimits {
  std::chrono::milliseconds message_timeout{10'000};  ///< from the first byte of a message to its last
  /// While the client accepts no byte of the waiting output, or its kernel does not acknowledge what was written.
  std::chrono::milliseconds write_timeout{10'000};
  /// Bytes of answers that the kernel did not take; the client is dropped beyond this.
  std::size_t max_queued_output = std::size_t{4} << 20U;
  /// Bytes of waiting output; beyond this the client's next queries are not handled, and no answer is delivered.
  std::size_t pause_at = std::size_t{64} << 10U;
};

/// What the sessions of a shard share.
struct SessionTools {
  QueryHandler& handler;
  ClientMemory& memory;
  TurnQueue& turns;
  const SessionLimits& limits;
};

class TcpSession;

/// What a session needs from its listener.
class SessionOwner {
 public:
  /// A buffer for one read, which all sessions share, since none keeps it across turns. It holds at least two messages
  /// of the largest size.
  [[nodiscard]] virtual dns::MutableBytes read_buffer() = 0;
  /// The session has ended and nothing refers to it. The owner must destroy it.
  virtual void ended(TcpSession& session) = 0;

 protected:
  ~SessionOwner() = default;
};

/// An idle session holds no buffer. Uses completion handlers instead of a coroutine, whose frame would be most of a
/// client's memory.
class TcpSession final : public Responder,
                         public ClientConnection,
                         runtime::Flushable,
                         TurnWaiter,
                         runtime::Deadline,
                         MemoryHolder {
 public:
  /// The most bytes of user memory of a session beyond its parts of the shares for input and output: its own, the
  /// socket's and the allocator's, and the two small buffers.
  static constexpr std::size_t cost = 2048;
  /// The number of sessions for which `bytes` of the memory for connections are enough.
  [[nodiscard]] static constexpr std::size_t count_in(std::size_t bytes) { return bytes / cost; }
  /// Bytes of each buffer that every session may use, so that ordinary queries need no shared memory.
  static constexpr std::size_t small_buffer = 512;
  /// Bytes of a client's queries that the kernel holds until they are read (SO_RCVBUF). The kernel counts twice as
  /// many.
  static constexpr int receive_buffer = 8192;
  /// A client's kernel acknowledges what was written within less than this, unless the client or the network is gone.
  static constexpr std::chrono::milliseconds acknowledged_within{1000};
  /// The most bytes of the kernel's memory for a session beyond its part of the share for output: the socket and its
  /// file, 4 KiB, and both buffers.
  static constexpr std::size_t kernel_cost = 4096 + 2 * receive_buffer + TcpOutput::max_unsent;
  /// Bytes that a session reads at once, unless the rest of one message is longer. What the session does not handle in
  /// this turn it must copy, while the kernel keeps what was not read.
  static constexpr std::size_t max_read = 8192;

  /// `port` is the client's. What `tools` and `owner` refer to must outlive this.
  TcpSession(runtime::Loop& loop, ClientSocket socket, const ClientAddress& address, std::uint16_t port,
             IpFamily family, const SessionTools& tools, SessionOwner& owner);
  ~TcpSession() override { loop_.unschedule(*this); }

  /// Takes the session's place among the connections, which closing gives back.
  void hold(Place place) { place_.emplace(std::move(place)); }
  void start();
  /// Closes at once.
  void close();
  /// Applies an idle timeout that has become shorter. Times out at the end of this turn at the earliest.
  void shorten_timeout();
  /// Handles once more what has arrived, and nothing after that. Closes when everything was answered and the client
  /// has received it.
  void finish();
  /// Closes at once like close(), but lets the kernel still deliver what it has for the client. Counts the answers
  /// that are lost.
  void abandon();
  /// True if the client still has something to get: a query is in flight, or waits until the client has read its
  /// answers, or answers have not been written. An incomplete message does not count.
  [[nodiscard]] bool is_busy() const;
  /// When the client last accepted bytes that were written to it, or was accepted.
  [[nodiscard]] runtime::Time last_write() const { return last_write_; }
  [[nodiscard]] const ClientAddress& address() const { return address_; }
  [[nodiscard]] IpFamily family() const { return family_; }
  [[nodiscard]] std::optional<runtime::Time> idle_since() const override;

 private:
  // ClientConnection
  void make_room() override { close(); }
  void cut_off() override;

  // Responder
  [[nodiscard]] bool can_take() override;
  [[nodiscard]] bool can_hold(std::size_t size) override;
  void wait_to_take(ClientQuery& query) override;
  dns::Buffer* begin_answer(ClientQuery& query) override;
  void end_answer(ClientQuery& query, std::size_t message_start) override;
  void abandon_answer(ClientQuery& query) override;
  void forget(ClientQuery& query) override;

  // MemoryHolder
  [[nodiscard]] runtime::Time held_since(runtime::MemoryUse use) const override;
  void drop_for_memory() override { drop(Refusal::memory_limit); }
  void room_for_input() override;

  [[nodiscard]] static constexpr std::size_t beyond_small(std::size_t size) {
    return size > small_buffer ? size - small_buffer : 0;
  }

  // TurnWaiter
  void go_on() override;

  // Reading and handling
  void wait_readable();
  void readable(const boost::system::error_code& error);
  void receive();
  [[nodiscard]] std::size_t readable_size();
  void read_on();
  bool handle_messages(dns::Bytes bytes);
  void keep_rest(dns::Bytes rest);
  void end_after(QueryHandler::Outcome outcome);
  void keep(dns::Bytes rest);
  void resume();
  [[nodiscard]] bool may_read() const;
  /// True if a complete message was read and not handled.
  [[nodiscard]] bool has_message() const { return dns::Frames(partial_).next().has_value(); }
  [[nodiscard]] bool may_handle_more() const;
  /// True until an answer was sent.
  [[nodiscard]] bool is_new() const { return out_.last_size() == 0; }

  // Writing (tcp_session_output.cpp)
  void flush() override;
  void end_turn();
  void write();
  void wait_writable();
  void writable(const boost::system::error_code& error);
  void count_unacknowledged();
  /// True if the client has taken some of the output that waits for it since this was last asked.
  [[nodiscard]] bool client_has_read();
  [[nodiscard]] bool is_its_turn() const;
  [[nodiscard]] bool can_deliver();
  void deliver_first();
  void account_for_output();
  void tell_held(runtime::MemoryUse use);

  // Timeouts (tcp_session_timeouts.cpp)
  void expired(runtime::Time now) override;
  [[nodiscard]] std::pair<runtime::Time, bool> next_timeout() const;
  [[nodiscard]] bool has_unread_output() const { return waiting_to_write_ || out_.held_by_kernel() > 0; }
  void watch(runtime::Time at);
  [[nodiscard]] bool is_client_gone();

  // Ending (finish() and what follows from it: tcp_session_finish.cpp)
  void drop(Refusal refusal);
  void close_if_done();
  void linger();
  [[nodiscard]] bool is_acknowledged();
  [[nodiscard]] bool is_reset();
  void look_whether_acknowledged(runtime::Time now);
  void discard_input();
  void end_if_unused();

  runtime::Loop& loop_;
  ClientSocket socket_;
  QueryHandler& handler_;
  TurnQueue& turns_;
  const SessionLimits& limits_;
  SessionOwner& owner_;
  ClientAddress address_;
  std::uint16_t port_;
  bool is_local_;
  IpFamily family_;
  bool reading_ = false;           // an async_wait for readability is pending
  bool waiting_to_write_ = false;  // until the client takes what was written
  bool input_ended_ = false;       // the client has sent FIN; it may still read (RFC 7766 section 6.2.4)
  bool finishing_ = false;         // nothing more is read
  bool lingering_ = false;         // our FIN was sent; further input is discarded
  bool closed_ = false;
  bool is_over_ = false;   // closed, and the owner will be told
  bool handling_ = false;  // inside handle_messages(), from which answers may come
  std::size_t in_flight_ = 0;
  runtime::Time last_read_;
  runtime::Time last_write_;
  runtime::Time partial_since_;
  runtime::Time linger_until_;
  dns::Buffer partial_;  // the start of a message, or messages that wait to be handled
  TcpOutput out_;
  resolve::RequestList to_take_;                    // this client's queries whose answers are kept for it
  const resolve::KeptAnswer* last_kept_ = nullptr;  // the answer of the last of them
  std::size_t kept_ = 0;                            // bytes of these answers
  std::optional<Place> place_;
  runtime::MemoryHold own_;     // for the session itself
  runtime::MemoryHold input_;   // for the part of partial_ beyond small_buffer
  runtime::MemoryHold output_;  // for the part of out_ beyond small_buffer
};

}  // namespace pillion::server
