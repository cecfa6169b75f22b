#pragma once
// Divides the descriptors of the process (RLIMIT_NOFILE), so that clients cannot take those that answers, probes and
// scrapes need.

#include <cstddef>
#include <expected>
#include <string>

#include "config/config.hpp"

namespace pillion::app {

/// The most connections to the admin server. A browser opens at most six for a page.
inline constexpr std::size_t admin_connections = 16;

/// The descriptors that a configuration needs.
struct DescriptorNeeds {
  std::size_t open = 0;       ///< always open: loops, listeners, and those that the process was started with
  std::size_t accepts = 0;    ///< open for a moment: a client that is accepted and turned away, a file that is read
  std::size_t upstreams = 0;  ///< the most connections to servers
  std::size_t pools = 0;      ///< the number of pools, each of which needs at least one connection
  bool has_http = true;
};

/// The most TCP clients and HTTP clients.
struct DescriptorShares {
  std::size_t connections = 0;
  std::size_t http_connections = 0;
};

/// `already_open` is the number of descriptors that the process has before it makes anything.
[[nodiscard]] DescriptorNeeds descriptor_needs(const config::Config& config, std::size_t already_open);

/// The number of descriptors with which every client finds a place.
[[nodiscard]] std::size_t wanted_descriptors(const DescriptorNeeds& needs, std::size_t max_connections);

/// Divides `limit`. If it is too small, at most half of what is free is reserved from the clients. The error explains
/// in words that there is no place even for one client.
[[nodiscard]] std::expected<DescriptorShares, std::string> share_descriptors(const DescriptorNeeds& needs,
                                                                             std::size_t limit,
                                                                             std::size_t max_connections);

/// Divides the limit of this process, after raising it as far as needed and allowed. `listeners_open` of the open
/// descriptors are the configuration's own listeners.
[[nodiscard]] std::expected<DescriptorShares, std::string> share_descriptors(const config::Config& config,
                                                                             std::size_t listeners_open = 0);

}  // namespace pillion::app
