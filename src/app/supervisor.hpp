#pragma once
// `pillion run --supervise`: the first process holds the sockets of `dns.listen`, and starts the worker again when it
// dies, so that what clients send meanwhile waits in the kernel. It starts two other processes of this program: one
// that reads the configuration, binds and ends; and the worker.

namespace pillion::app {

/// Makes this process the supervisor. It forks the process that binds, in which this function returns with
/// `handover_variable` set in the environment. The supervisor itself exits here: with the exit code of the process
/// that binds if that sent no sockets, else with the worker's, or with 0 if it is told to end while there is no
/// worker. Called before anything else, since memory that has been written to stays with the supervisor.
void supervise(char** argv);

}  // namespace pillion::app
