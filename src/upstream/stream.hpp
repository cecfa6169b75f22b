#pragma once
// A byte stream to one server over TCP or TLS: the driver of a StreamConnection, and its events. A Stream moves bytes
// and reports what the kernel and OpenSSL say. It makes no decisions.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dns/wire.hpp"
#include "upstream/connection.hpp"

namespace pillion::upstream {

/// The events of a stream for its connection. Every event comes from the loop. After close() only released() follows.
class StreamEvents {
 public:
  /// TCP's handshake is complete. TLS's follows if there is one.
  virtual void connected() = 0;
  /// Bytes may be written, and are read from now on.
  virtual void opened(const Handshake& handshake) = 0;
  /// `bytes` are all bytes that have arrived and were not used yet. Returns how many of them are used now.
  [[nodiscard]] virtual std::size_t arrived(dns::Bytes bytes) = 0;
  /// True if the server owes an answer.
  [[nodiscard]] virtual bool expects_more() const = 0;
  /// The stream has ended; `error` is nullopt if the server closed it in an orderly way. The owner must then call
  /// close() or shut_down().
  virtual void ended(std::optional<Error> error, std::string detail) = 0;
  /// Called after close() or shut_down(), when no operation is pending and the stream may be destroyed.
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
  /// The buffer to append output to. Call flush_soon() afterwards; the output is written at the end of the turn.
  [[nodiscard]] virtual dns::Buffer& out() = 0;
  virtual void flush_soon() = 0;
  /// From now on writes each message into its own TLS record.
  virtual void write_singly() = 0;
  /// Asks the kernel, by a system call, so that it is only called on suspicion. nullopt if the kernel does not say.
  [[nodiscard]] virtual std::optional<Delivery> delivery() = 0;
  /// Sends close_notify or FIN, then closes.
  virtual void shut_down() = 0;
  /// Closes at once, also during shut_down().
  virtual void close() = 0;
};

using MakeStream = std::function<std::unique_ptr<Stream>(StreamEvents&)>;

}  // namespace pillion::upstream
