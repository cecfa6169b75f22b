#pragma once
// Descriptors that go from one process to another, by SCM_RIGHTS (unix(7)).

#include <expected>
#include <optional>
#include <vector>

namespace pillion::app {

/// Sends one descriptor over a SOCK_SEQPACKET socket. False if that failed; errno says why.
[[nodiscard]] bool send_descriptor(int channel, int descriptor);
/// Ends what is sent: the receiver has all of them.
[[nodiscard]] bool send_end(int channel);

/// Receives descriptors up to the end. An error is an errno: EMFILE if this process may not open as many, EPIPE if the
/// sender has gone before the end.
[[nodiscard]] std::expected<std::vector<int>, int> receive_descriptors(int channel);

/// A descriptor that was sent: its number here, and there when it was sent.
struct PassedDescriptor {
  int here = -1;
  int there = -1;
};
/// The next one that has come; never waits. Those for which this process has no room are passed over. nullopt if there
/// is none.
[[nodiscard]] std::optional<PassedDescriptor> take_descriptor(int channel);

}  // namespace pillion::app
