#pragma once
// Counts the system calls that one thread makes for events and sockets. The functions of the C library that make them
// are replaced by ones that count and call them.

#include <cstddef>
#include <map>
#include <string>

namespace pillion::app::testing {

/// Counts only the calls of the calling thread, from now on. Call it on the thread that runs the loop.
void count_my_system_calls();

/// The number of calls, by name. The counted thread should be idle.
[[nodiscard]] std::map<std::string, std::size_t> system_calls();

}  // namespace pillion::app::testing
