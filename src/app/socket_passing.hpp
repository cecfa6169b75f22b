#pragma once
// Passes descriptors from one process to another by SCM_RIGHTS (unix(7)).

#include <expected>
#include <optional>
#include <vector>

namespace pillion::app {

/// Sends one descriptor over a SOCK_SEQPACKET socket. False on failure, with errno.
[[nodiscard]] bool send_descriptor(int channel, int descriptor);
/// Sends the end mark: the receiver has all descriptors. False on failure, with errno.
[[nodiscard]] bool send_end(int channel);

/// Receives descriptors up to the end mark. The error is an errno: EMFILE if this process may not open that many,
/// EPIPE if the sender has gone before the end.
[[nodiscard]] std::expected<std::vector<int>, int> receive_descriptors(int channel);

/// A received descriptor: its number in this process, and in the sender when it was sent.
struct PassedDescriptor {
  int here = -1;
  int there = -1;
};
/// The next descriptor that has arrived, without waiting; nullopt if there is none. Descriptors for which this process
/// has no room are skipped.
[[nodiscard]] std::optional<PassedDescriptor> take_descriptor(int channel);

}  // namespace pillion::app
