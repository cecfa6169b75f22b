#pragma once
// Closes a TCP connection to a reader of records.

#include "runtime/unique_descriptor.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Shuts down the sending side, and waits for the reader to close, for at most half a second. A socket that is closed
/// with unread input would reset the connection, and the reader would lose what it has not read.
void close_socket(runtime::UniqueDescriptor socket, SinkWaits& waits);

}  // namespace pillion::telemetry
