#pragma once
// What is wrong with a server, from its figures of now and of a while ago. Pure.

#include <cstdint>
#include <string>

#include "admin/figures.hpp"
#include "upstream/error.hpp"

namespace pillion::admin {

/// What a server's failures since `before` are mostly about; count_ where there were none. `before` is nullptr where
/// nothing is known of then.
[[nodiscard]] upstream::Error main_error(const ServerFigures& now, const ServerFigures* before);

/// What has become of what a server was asked.
struct Trouble {
  std::string reason{};        ///< of the most frequent kind of failure; empty where there was none
  std::uint64_t failures = 0;  ///< replies other than NOERROR and NXDOMAIN, and queries without a reply
  std::uint64_t asked = 0;     ///< failures, and what was answered well
};

/// Likewise since `before`.
[[nodiscard]] Trouble trouble_of(const ServerFigures& now, const ServerFigures* before);

}  // namespace pillion::admin
