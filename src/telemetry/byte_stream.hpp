#pragma once
// A connection to a reader of records: TCP, with TLS or without.

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/unique_descriptor.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Called by a sink's thread only.
class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;

  /// False once the reader has ended it. What the reader says is read and dropped.
  [[nodiscard]] virtual bool is_open() = 0;
  /// Writes some of `bytes`, which is not empty, and says how many; 0: no time is left. The error says why the stream
  /// is at its end.
  [[nodiscard]] virtual std::expected<std::size_t, std::string> write_some(std::string_view bytes,
                                                                           SinkWaits& waits) = 0;
  /// Ends it in an orderly way: the reader gets all that was written.
  virtual void close(SinkWaits& waits) = 0;
};

/// Over a connected TCP socket that does not block.
[[nodiscard]] std::unique_ptr<ByteStream> plain_stream(runtime::UniqueDescriptor socket);

}  // namespace pillion::telemetry
