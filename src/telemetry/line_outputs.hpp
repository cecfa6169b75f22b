#pragma once
// Outputs for lines of text.

#include <memory>
#include <string>

#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Writes to a descriptor that it does not own and that stays open, such as standard error. Lines of at most PIPE_BUF
/// bytes do not mix with lines that others write there.
[[nodiscard]] std::unique_ptr<RecordOutput> descriptor_output(int descriptor);

/// Appends to the file. Creates it with mode 0640 if it does not exist, and opens it again within a second after it was
/// renamed or removed. If the disk is full, no part of a line stays in a regular file.
[[nodiscard]] std::unique_ptr<RecordOutput> file_output(std::string path);

/// Writes to the listener of the stream socket at `path`. If a connection ends within a line, the line is sent again on
/// the next connection.
[[nodiscard]] std::unique_ptr<RecordOutput> unix_socket_output(std::string path);

}  // namespace pillion::telemetry
