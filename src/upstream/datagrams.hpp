#pragma once
// Datagrams to and from one server: the socket of a DatagramConnection, and its events. It makes no decisions.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dns/wire.hpp"
#include "upstream/error.hpp"

namespace pillion::upstream {

/// The events of a socket for its connection. Every event comes from the loop. After close() only released() follows.
class DatagramEvents {
 public:
  virtual void opened() = 0;
  /// `is_cut` is true if the datagram was longer than the buffer.
  virtual void arrived(dns::Bytes datagram, bool is_cut) = 0;
  /// True if the server owes an answer.
  [[nodiscard]] virtual bool expects_more() const = 0;
  /// The system refuses a datagram of this size. The message with this id was not sent.
  virtual void too_large(std::uint16_t id) = 0;
  virtual void failed(Error error, std::string detail) = 0;
  /// Called after close(), when no operation is pending and the socket may be destroyed.
  virtual void released() = 0;

 protected:
  ~DatagramEvents() = default;
};

/// A socket that is connected to the server. The kernel chooses its port.
class Datagrams {
 public:
  Datagrams() = default;
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;
  virtual ~Datagrams() = default;

  /// Opens the socket. opened() or failed() follows, unless it is closed before.
  virtual void open() = 0;
  /// The buffer to append a message to. end_message() turns it into a datagram, which is sent at the end of the turn.
  [[nodiscard]] virtual dns::Buffer& out() = 0;
  virtual void end_message() = 0;
  virtual void close() = 0;
};

using MakeDatagrams = std::function<std::unique_ptr<Datagrams>(DatagramEvents&)>;

}  // namespace pillion::upstream
