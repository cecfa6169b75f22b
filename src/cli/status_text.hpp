#pragma once
// The state of the running proxy for a terminal of 80 columns, and as an attestation. Pure: made from the admin
// server's responses.

#include <cstddef>
#include <string>

#include <boost/json/object.hpp>

namespace pillion::cli {

inline constexpr std::size_t status_columns = 80;

/// Lines of at most status_columns columns, the verdict first. `status` and `upstreams` must follow the schemas Status
/// and Upstreams; otherwise throws boost::system::system_error.
[[nodiscard]] std::string status_text(const boost::json::object& status, const boost::json::object& upstreams);

/// The facts for an audit: the version, the configuration, and how the identity of each server was verified.
[[nodiscard]] boost::json::object attestation(const boost::json::object& status, const boost::json::object& upstreams);

}  // namespace pillion::cli
