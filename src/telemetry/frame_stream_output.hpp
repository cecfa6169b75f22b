#pragma once
// Output for dnstap: a bidirectional Frame Stream (https://farsightsec.github.io/fstrm), by libfstrm over a socket of
// ours, so that no call of it waits for a reader for ever.

#include <functional>
#include <memory>

#include "telemetry/connect_socket.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// A socket that is connected, or why it is not.
using ConnectSocket = std::function<std::expected<runtime::UniqueDescriptor, int>(SinkWaits& waits)>;

/// Each record is a frame of the content type protobuf:dnstap.Dnstap. Throws std::bad_alloc.
[[nodiscard]] std::unique_ptr<RecordOutput> frame_stream_output(ConnectSocket connect);

}  // namespace pillion::telemetry
