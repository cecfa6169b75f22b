#pragma once
// Where the running proxy listens, for other processes of its user: in the file in memory that app/reload_outcome
// makes, behind its part.
//
// This part begins with a header of 16 bytes, which is always written at once; two texts of at most 4 KiB follow, which
// are used in turns, so that a reader that finds the same header before and after a text has read a whole one. A text
// is lines of a word and an address, such as `dns 127.0.0.1:53`; who reads passes over words that are not known.

#include <optional>
#include <vector>

#include "config/config.hpp"

namespace pillion::app {

/// As bound: a port that the kernel chose is there as that one.
struct ListenAddresses {
  std::vector<config::Endpoint> dns;         ///< each on UDP and TCP
  std::vector<config::Endpoint> http;        ///< empty: the configuration has no HTTP server
  std::vector<config::Endpoint> admin = {};  ///< empty: there is no admin server
  friend bool operator==(const ListenAddresses&, const ListenAddresses&) = default;
};

/// Replaces what is there. `descriptor` is a ReloadOutcome's; one thread of one process at a time. False if it could
/// not be written, for lack of memory; then what was there before stays.
bool write_listen_addresses(int descriptor, const ListenAddresses& addresses);

/// What was written last. nullopt where nothing has been yet, where it is another file, and where it was written to at
/// each look.
[[nodiscard]] std::optional<ListenAddresses> read_listen_addresses(int descriptor);

}  // namespace pillion::app
