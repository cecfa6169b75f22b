#pragma once
// The end of a TCP connection to a reader of records.

#include "runtime/unique_descriptor.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Says that nothing more comes, and waits for the reader to close, half a second at the most: a socket that is closed
/// with unread input resets the connection, and takes along what the reader has not read.
void close_socket(runtime::UniqueDescriptor socket, SinkWaits& waits);

}  // namespace pillion::telemetry
