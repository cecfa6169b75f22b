#pragma once
// The state of the running proxy for a terminal of 80 columns, and as an attestation. Pure: from what the admin server
// has said.

#include <cstddef>
#include <string>

#include <boost/json/object.hpp>

namespace pillion::cli {

inline constexpr std::size_t status_columns = 80;

/// Lines of at most status_columns, the verdict first. `status` and `upstreams` are of the schemas Status and
/// Upstreams; throws boost::system::system_error where they are not.
[[nodiscard]] std::string status_text(const boost::json::object& status, const boost::json::object& upstreams);

/// What auditors ask for: what runs, by which configuration, and of each server whom it was verified to be, and how.
[[nodiscard]] boost::json::object attestation(const boost::json::object& status, const boost::json::object& upstreams);

}  // namespace pillion::cli
