#pragma once
// The addresses that the running proxy listens on, for other processes of its user. They are in the memory file that
// app/reload_outcome makes, after its own part.
//
// This part begins with a header of 16 bytes, which is always written at once. Two texts of at most 4 KiB follow,
// which are used alternately. So a reader that finds the same header before and after a text has read a complete one.
// A text has lines with a word and an address, such as `dns 127.0.0.1:53`. Readers ignore lines with unknown words.

#include <optional>
#include <vector>

#include "config/config.hpp"

namespace pillion::app {

/// The addresses as bound: with the port that the kernel has chosen.
struct ListenAddresses {
  std::vector<config::Endpoint> dns;         ///< each on UDP and TCP
  std::vector<config::Endpoint> http;        ///< empty if the configuration has no HTTP server
  std::vector<config::Endpoint> admin = {};  ///< empty if there is no admin server
  friend bool operator==(const ListenAddresses&, const ListenAddresses&) = default;
};

/// Replaces the addresses. `descriptor` must be a ReloadOutcome's, and only one thread of one process may call this at
/// a time. False if there was no memory to write them; the old ones then stay.
bool write_listen_addresses(int descriptor, const ListenAddresses& addresses);

/// The addresses written last. nullopt if nothing was written yet, if it is another file, or if it was being written
/// at each attempt.
[[nodiscard]] std::optional<ListenAddresses> read_listen_addresses(int descriptor);

}  // namespace pillion::app
