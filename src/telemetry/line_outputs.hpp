#pragma once
// Outputs for lines of text.

#include <memory>
#include <string>

#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// To a descriptor that stays open and is somebody else's, such as standard error. No line of at most PIPE_BUF bytes is
/// mixed with those that others write there.
[[nodiscard]] std::unique_ptr<RecordOutput> descriptor_output(int descriptor);

/// Appends to the file, which is made where there is none (mode 0640), and opened anew within a second of being renamed
/// or removed. Of a line for which there is no space, nothing stays in a regular file.
[[nodiscard]] std::unique_ptr<RecordOutput> file_output(std::string path);

/// To whoever listens on the stream socket at `path`. A line that was cut by the end of a connection is sent again on
/// the next.
[[nodiscard]] std::unique_ptr<RecordOutput> unix_socket_output(std::string path);

}  // namespace pillion::telemetry
