#pragma once
// Says what is wrong with a server, by its current and earlier figures. Pure.

#include <cstdint>
#include <string>

#include "admin/figures.hpp"
#include "upstream/error.hpp"

namespace pillion::admin {

/// The most frequent error of a server since `before`, or Error::count_ if there was none. A failure of the server
/// takes precedence over those of single queries. If `before` is nullptr, counts from the start of the program.
[[nodiscard]] upstream::Error main_error(const ServerFigures& now, const ServerFigures* before);

/// The outcome of the queries to a server.
struct Trouble {
  std::string reason{};        ///< the most frequent kind of failure; empty if there was none
  std::uint64_t failures = 0;  ///< replies other than NOERROR and NXDOMAIN, and queries without a reply
  std::uint64_t asked = 0;     ///< failures and good replies
};

/// The outcome since `before`, which is nullptr as for main_error().
[[nodiscard]] Trouble trouble_of(const ServerFigures& now, const ServerFigures* before);

}  // namespace pillion::admin
