#pragma once
// One TCP client (RFC 7766): reads whole batches, answers out of order, writes once a turn, is never waited for.

#include <cstddef>
#include <optional>

#include <boost/asio/ip/tcp.hpp>

#include "runtime/loop.hpp"
#include "server/client.hpp"
#include "server/client_memory.hpp"
#include "server/query_handler.hpp"

namespace pillion::server {

using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

/// Limits of a session that have no key in the configuration.
struct SessionLimits {
  std::chrono::milliseconds message_timeout{10'000};  ///< from the first byte of a message to its last
  std::chrono::milliseconds write_timeout{10'000};    ///< without the client taking a byte of what waits for it
  std::size_t max_queued_output = std::size_t{4}
                                  << 20U;  ///< bytes of answers that the kernel did not take; more: it is dropped
  std::size_t pause_at = std::size_t{64} << 10U;  ///< bytes of output that wait before the client's next queries are
                                                  ///< handled, and the next answer is given
};

class TcpSession;

/// What a session needs of its listener.
class SessionOwner {
 public:
  /// One read's worth of space, shared by all sessions, since none keeps it across turns. At least two messages of the
  /// largest size.
  [[nodiscard]] virtual dns::MutableBytes read_buffer() = 0;
  /// The session has ended and nothing refers to it: it is to be destroyed.
  virtual void ended(TcpSession& session) = 0;

 protected:
  ~SessionOwner() = default;
};

/// An idle session holds no buffer. Plain completion handlers rather than a coroutine: a frame per client would be most
/// of its memory.
class TcpSession final : public Responder,
                         public ClientConnection,
                         runtime::Flushable,
                         runtime::Deadline,
                         MemoryHolder {
 public:
  /// Bytes of user memory that a session takes at the most beyond what it takes of the shares for input and output: its
  /// own, the socket's and the allocator's, and the two small buffers.
  static constexpr std::size_t cost = 2048;
  /// Bytes of each buffer that every session may have, so that ordinary queries need no memory of others.
  static constexpr std::size_t small_buffer = 512;

  /// `port` is the client's.
  TcpSession(runtime::Loop& loop, TcpSocket socket, const ClientAddress& address, std::uint16_t port, IpFamily family,
             QueryHandler& handler, ClientMemory& memory, const SessionLimits& limits, SessionOwner& owner);
  ~TcpSession() override { loop_.unschedule(*this); }

  /// Its place among the connections, which it gives back when it closes.
  void hold(Place place) { place_.emplace(std::move(place)); }
  void start();
  /// Closes now.
  void close();
  /// Handles what has come, once more, and nothing after that. Closes when all of it has been answered and the client
  /// has been given everything.
  void finish();
  /// Closes now, as close() does, but so that what the kernel still has for the client reaches it; counts the answers
  /// that do not.
  void abandon();
  /// True if the client has something to get: a query is in flight, or handled when the client has taken what it was
  /// given, or answers have not been written. What is no whole message yet does not count.
  [[nodiscard]] bool is_busy() const;
  /// When it last took something that was written to it, or was accepted.
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
  [[nodiscard]] Held held(runtime::MemoryUse use) const override;
  void drop_for_memory() override { drop(Refusal::memory_limit); }
  void room_for_input() override;

  [[nodiscard]] static constexpr std::size_t beyond_small(std::size_t size) {
    return size > small_buffer ? size - small_buffer : 0;
  }

  // Reading and handling
  void wait_readable();
  void readable(const boost::system::error_code& error);
  void receive();
  [[nodiscard]] std::size_t readable_size();
  void read_on();
  bool handle_messages(dns::Bytes bytes);
  void keep(dns::Bytes rest);
  void resume();
  [[nodiscard]] bool may_read() const;
  [[nodiscard]] bool may_handle_more() const;

  // Writing (tcp_session_output.cpp)
  void flush() override;
  void end_turn();
  void write();
  void wait_writable();
  [[nodiscard]] bool is_its_turn() const;
  [[nodiscard]] bool can_deliver();
  void deliver_first();
  void account_for_output();
  [[nodiscard]] std::size_t pending() const { return out_.size() - written_; }
  [[nodiscard]] std::size_t unwritten_answers() const;

  // Ending (finish() and what follows from it: tcp_session_finish.cpp)
  void expired(runtime::Time now) override;
  [[nodiscard]] std::pair<runtime::Time, bool> next_timeout() const;
  void watch(runtime::Time at);
  void drop(Refusal refusal);
  void close_if_done();
  void linger();
  [[nodiscard]] bool is_acknowledged();
  void look_whether_acknowledged(runtime::Time now);
  void discard_input();
  void end_if_unused();

  runtime::Loop& loop_;
  TcpSocket socket_;
  QueryHandler& handler_;
  ClientMemory& memory_;
  const SessionLimits& limits_;
  SessionOwner& owner_;
  ClientAddress address_;
  std::uint16_t port_;
  bool is_local_;
  IpFamily family_;
  bool reading_ = false;  // an async_wait for readability is under way
  bool waiting_to_write_ = false;
  bool input_ended_ = false;  // the client's FIN: it may still read (RFC 7766 section 6.2.4)
  bool finishing_ = false;    // no more is read
  bool lingering_ = false;    // our FIN has been sent; what the client sends now is thrown away
  bool closed_ = false;
  bool is_over_ = false;           // closed, and its owner will be told
  bool handling_ = false;          // inside handle_messages(): answers may come from within
  std::uint32_t last_output_ = 0;  // bytes that left at once, the last time
  std::uint32_t cut_ = 0;          // bytes at the start of out_ that end an answer of which the kernel has the start
  std::size_t in_flight_ = 0;
  std::size_t written_ = 0;  // of out_
  runtime::Time last_read_;
  runtime::Time last_write_;
  runtime::Time partial_since_;
  runtime::Time linger_until_;
  dns::Buffer partial_;  // the start of a message, or messages that wait for their turn
  dns::Buffer out_;
  resolve::RequestList to_take_;                    // queries of this client's whose answers are kept for it
  const resolve::KeptAnswer* last_kept_ = nullptr;  // of the last of them
  std::size_t kept_ = 0;                            // bytes of these answers
  std::optional<Place> place_;
  runtime::MemoryHold own_;     // for the session itself
  runtime::MemoryHold input_;   // for what of partial_ is not small
  runtime::MemoryHold output_;  // for what of out_ is not small
};

}  // namespace pillion::server
