#pragma once
// A TCP connection to a reader of records, with or without TLS.

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/unique_descriptor.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Only a sink's thread calls it.
class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;

  /// False if the reader has closed the connection. Reads and drops what the reader has sent, but no more than
  /// reads_at_once times.
  [[nodiscard]] virtual bool is_open() = 0;
  /// Writes a part of `bytes`, which must not be empty, and returns its size. 0: the time is over. The error says why
  /// the stream has ended.
  [[nodiscard]] virtual std::expected<std::size_t, std::string> write_some(std::string_view bytes,
                                                                           SinkWaits& waits) = 0;
  /// Closes the stream so that the reader gets all that was written.
  virtual void close(SinkWaits& waits) = 0;
};

/// A reader that sends without end must not keep the sink's thread from its records, nor the process from its end.
inline constexpr unsigned reads_at_once = 16;

/// The error of a stream whose server has closed it.
inline constexpr const char* closed_by_server = "the server has closed the connection";
/// True if the reader has closed the TCP connection, at least in its direction. A writer that waits for room must wait
/// for POLLRDHUP (poll(2)), too: while the reader's window is full, its kernel may drop the connection without a reset,
/// and ours then probes the window for minutes before it reports an error.
[[nodiscard]] bool is_closed_by_reader(int socket);

/// Takes a connected, non-blocking TCP socket.
[[nodiscard]] std::unique_ptr<ByteStream> plain_stream(runtime::UniqueDescriptor socket);

}  // namespace pillion::telemetry
