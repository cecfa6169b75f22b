#pragma once
// `pillion run --supervise`: the first process holds the sockets of `dns.listen` and starts the worker again when that
// dies, so that what clients send meanwhile waits in the kernel. The two other processes that it starts are this
// program as well: one that reads the configuration and binds, and ends; and the worker.

namespace pillion::app {

/// The supervisor: forks the process that binds, which is where this returns, `handover_variable` set in its
/// environment. Otherwise the process exits here: with the exit code of the one that binds, if there are no sockets
/// from it, else with the worker's, or 0 if it is to end while there is no worker. To be called before anything else:
/// memory that has been written to stays with the supervisor for good.
void supervise(char** argv);

}  // namespace pillion::app
