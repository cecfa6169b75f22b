#pragma once
// What a worker does with its supervisor.

#include <csignal>

#include "app/handover.hpp"

namespace pillion::app {

/// The signal by which a worker wakes its supervisor. Its value is the worker's descriptor of a socket to close, or
/// take_sockets if the channel has new sockets.
inline int socket_signal() {
  return SIGRTMIN;
}
inline constexpr int take_sockets = -1;

/// Makes this process end when its supervisor ends.
void follow_supervisor(const Handover& handover);

/// Makes the supervisor hold a socket that was bound after the start too, so that the next worker gets it. If the
/// supervisor has no room for it, the next worker binds anew. May block until the supervisor has taken earlier ones.
void hand_to_supervisor(const Handover& handover, int descriptor);

/// Makes the supervisor close the socket that is or was `descriptor` in this process, whichever of them has handed it
/// over. Until then the kernel continues to accept what is sent to it.
void release_socket(const Handover& handover, int descriptor);

}  // namespace pillion::app
