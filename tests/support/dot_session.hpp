#pragma once
// One client's TCP or TLS connection to the test server. Internal to dot_server; lives in the server's thread.
//
// TLS runs over memory BIOs, so that the server can choose the sizes of records and segments, and hold back an alert.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <openssl/ssl.h>

#include "support/dot_server_state.hpp"

namespace pillion::test {

/// An answer on its way out.
struct Pending {
  std::uint64_t connection = 0;  ///< 0: over UDP, to `peer`
  boost::asio::ip::udp::endpoint peer = {};
  QueryFault fault = {};
  dns::Buffer message = {};
};

/// The functions of its server that a session uses.
class SessionHost {
 public:
  /// Counts the query and makes its answer, with its fault.
  virtual Pending prepare(const ParsedQuery& query, Transport transport, std::uint64_t connection,
                          std::uint16_t source_port) = 0;
  /// Keeps a delayed or held answer, and later calls Session::answer.
  virtual void keep(Pending pending) = 0;
  /// Destroys the session, outside its handlers.
  virtual void reap(std::uint64_t connection) = 0;

 protected:
  ~SessionHost() = default;
};

class Session {
 public:
  /// `context` is null for plain TCP.
  Session(SessionHost& host, DotServerState& state, std::uint64_t id, boost::asio::ip::tcp::socket socket,
          SSL_CTX* context);

  void start();
  /// Sends an answer that was kept.
  void answer(Pending pending);
  /// Sends what is queued, then close_notify if the settings say so, then FIN; the socket lives until the client closes
  /// too.
  void close_orderly();
  /// Destroys the connection with an RST.
  void reset();
  /// Continues to read if the settings allow it again.
  void resume();

 private:
  using ErrorCode = boost::system::error_code;

  /// Wraps a handler. It is not called after the end of the session, and the last one lets the server destroy the
  /// session.
  template <typename Handler>
  auto tracked(Handler handler) {
    ++operations_;
    return [this, handler = std::move(handler)](const ErrorCode& error, auto... rest) {
      --operations_;
      if (!over_) handler(error, rest...);
      if (over_ && operations_ == 0) host_.reap(id_);
    };
  }

  void read();
  void on_read(const ErrorCode& error, std::size_t size);
  void on_end_of_stream(const ErrorCode& error);
  void decrypt();
  /// Counts the outcome of the handshake at its end.
  void note_handshake();
  void on_tls_error();
  /// Appends plaintext. Returns the number of messages that it completes.
  std::size_t take(const std::uint8_t* bytes, std::size_t size);
  void serve_messages();
  void serve_message(dns::Bytes message);
  void enqueue(const Pending& pending);
  void flush();
  void encrypt(const std::uint8_t* bytes, std::size_t size);
  void collect_ciphertext();
  void pump();
  void on_written(const ErrorCode& error);
  void finish_close();
  void touch();
  void end();

  SessionHost& host_;
  DotServerState& state_;
  std::uint64_t id_;
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;  ///< null for plain TCP
  std::uint16_t source_port_ = 0;

  std::vector<std::uint8_t> read_buffer_;
  dns::Buffer plaintext_;         ///< received, not yet a whole message, or more than may be in flight
  std::size_t counted_ = 0;       ///< bytes at the front of plaintext_ whose messages have been counted for a record
  std::vector<Pending> batch_;    ///< answers to the messages of one read
  std::vector<dns::Buffer> out_;  ///< framed answers, not yet encrypted
  dns::Buffer wire_;              ///< the data for the socket
  std::size_t sent_ = 0;          ///< of wire_
  boost::asio::steady_timer idle_timer_;
  boost::asio::steady_timer linger_timer_;

  std::size_t operations_ = 0;  ///< handlers outstanding
  std::size_t in_flight_ = 0;
  std::size_t received_ = 0;
  std::size_t answered_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool shaken_ = false;     ///< the handshake is complete
  bool failed_ = false;     ///< TLS has failed: nothing more is encrypted or decrypted
  bool notified_ = false;   ///< the client sent close_notify
  bool peer_done_ = false;  ///< the client sends nothing more
  bool closing_ = false;
  bool finished_ = false;  ///< FIN is sent
  bool over_ = false;
};

}  // namespace pillion::test
