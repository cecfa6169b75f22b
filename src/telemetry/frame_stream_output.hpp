#pragma once
// Output for dnstap: a bidirectional Frame Stream (https://farsightsec.github.io/fstrm). libfstrm writes it over a
// socket of Pillion's, so that no call waits for a reader without a limit.

#include <functional>
#include <memory>

#include "telemetry/connect_socket.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Returns a connected socket, or an errno value.
using ConnectSocket = std::function<std::expected<runtime::UniqueDescriptor, int>(SinkWaits& waits)>;

/// Writes each record as a frame of the content type protobuf:dnstap.Dnstap. open() throws std::bad_alloc if there is
/// no memory.
[[nodiscard]] std::unique_ptr<RecordOutput> frame_stream_output(ConnectSocket connect);

}  // namespace pillion::telemetry
