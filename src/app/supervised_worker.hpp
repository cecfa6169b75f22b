#pragma once
// What a worker has to do with its supervisor.

#include <csignal>

#include "app/handover.hpp"

namespace pillion::app {

/// What a worker wakes its supervisor by. The value is the worker's descriptor of a socket to close, or take_sockets:
/// there are some in the channel.
inline int socket_signal() {
  return SIGRTMIN;
}
inline constexpr int take_sockets = -1;

/// Ends when its supervisor does, from now on.
void follow_supervisor(const Handover& handover);

/// Has its supervisor hold a socket as well that was bound since the start, so that it is the next worker's too. Where
/// the supervisor has no room for it, the next worker binds anew. May block until the supervisor has taken those
/// before.
void hand_to_supervisor(const Handover& handover, int descriptor);

/// Has its supervisor close the socket that is, or was, `descriptor` here, whichever of them has handed it to the
/// other, and on which nobody is to be served any more; until then the kernel goes on taking in what is sent to it.
void release_socket(const Handover& handover, int descriptor);

}  // namespace pillion::app
