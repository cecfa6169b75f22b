#pragma once
// Bytes to one server and back, TCP or TLS: what drives a StreamConnection, and what it drives. A Stream moves bytes
// and reports what the kernel and OpenSSL say; it decides nothing.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dns/wire.hpp"
#include "upstream/connection.hpp"

namespace pillion::upstream {

/// What a stream tells its connection. Every call comes from the loop; none follows close(), but released().
class StreamEvents {
 public:
  /// TCP's handshake is done; TLS's follows.
  virtual void connected() = 0;
  /// Bytes may be written, and are read from now on.
  virtual void opened(const Handshake& handshake) = 0;
  /// All bytes that have arrived and were not used yet. Returns how many of them are used now.
  [[nodiscard]] virtual std::size_t arrived(dns::Bytes bytes) = 0;
  /// True if the server owes an answer.
  [[nodiscard]] virtual bool expects_more() const = 0;
  /// The stream has ended: nullopt where the server closed it in an orderly way. Follow it by close() or shut_down().
  virtual void ended(std::optional<Error> error, std::string detail) = 0;
  /// After close() or shut_down(): no operation is under way, the stream may be destroyed.
  virtual void released() = 0;

 protected:
  ~StreamEvents() = default;
};

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  /// Connects. opened() or ended() follows, unless it is closed before.
  virtual void open() = 0;
  /// Where to append what is to be written at the end of the turn; call flush_soon() after that.
  [[nodiscard]] virtual dns::Buffer& out() = 0;
  virtual void flush_soon() = 0;
  /// From now on each message is written alone, in a TLS record of its own.
  virtual void write_singly() = 0;
  /// Asks the kernel, which is a system call: for when there is a suspicion. nullopt where it does not say.
  [[nodiscard]] virtual std::optional<Delivery> delivery() = 0;
  /// Says by close_notify or FIN that nothing more will be sent, then closes.
  virtual void shut_down() = 0;
  /// Closes at once, also while shut_down() is under way.
  virtual void close() = 0;
};

using MakeStream = std::function<std::unique_ptr<Stream>(StreamEvents&)>;

}  // namespace pillion::upstream
