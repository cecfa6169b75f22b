#pragma once
// Datagrams to one server and back: what drives a DatagramConnection, and what it drives. It decides nothing.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dns/wire.hpp"
#include "upstream/error.hpp"

namespace pillion::upstream {

/// What a socket tells its connection. Every call comes from the loop; none follows close(), but released().
class DatagramEvents {
 public:
  virtual void opened() = 0;
  /// `is_cut`: the datagram was longer than the buffer that it was read into.
  virtual void arrived(dns::Bytes datagram, bool is_cut) = 0;
  /// True if the server owes an answer.
  [[nodiscard]] virtual bool expects_more() const = 0;
  /// The system refuses a datagram of this size; the message with this id did not leave.
  virtual void too_large(std::uint16_t id) = 0;
  virtual void failed(Error error, std::string detail) = 0;
  /// After close(): no operation is under way, the socket may be destroyed.
  virtual void released() = 0;

 protected:
  ~DatagramEvents() = default;
};

/// A socket that is connected to the server, with a port of the kernel's choice.
class Datagrams {
 public:
  Datagrams() = default;
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;
  virtual ~Datagrams() = default;

  /// opened() or failed() follows, unless it is closed before.
  virtual void open() = 0;
  /// Where to append a message, which end_message() makes a datagram, sent at the end of the turn.
  [[nodiscard]] virtual dns::Buffer& out() = 0;
  virtual void end_message() = 0;
  virtual void close() = 0;
};

using MakeDatagrams = std::function<std::unique_ptr<Datagrams>(DatagramEvents&)>;

}  // namespace pillion::upstream
