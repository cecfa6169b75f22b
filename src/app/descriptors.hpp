#pragma once
// How the descriptors that the process may have (RLIMIT_NOFILE) are divided, so that clients cannot take those that
// answers, probes and scrapes need.

#include <cstddef>
#include <expected>
#include <string>

#include "config/config.hpp"

namespace pillion::app {

/// Connections to the admin server, which are few: a page has six at most.
inline constexpr std::size_t admin_connections = 16;

/// How many descriptors the configuration needs for what.
struct DescriptorNeeds {
  std::size_t open = 0;       ///< open all the time: loops, listeners, what the process was started with
  std::size_t accepts = 0;    ///< for a moment: a client that is accepted and turned away, a file that is read
  std::size_t upstreams = 0;  ///< connections to servers at the most
  std::size_t pools = 0;      ///< of which there is one for each at least
  bool has_http = true;
};

/// The largest number of TCP clients, and of HTTP clients.
struct DescriptorShares {
  std::size_t connections = 0;
  std::size_t http_connections = 0;
};

/// `already_open` are those that the process has before it makes anything.
[[nodiscard]] DescriptorNeeds descriptor_needs(const config::Config& config, std::size_t already_open);

/// With how many every client finds a place.
[[nodiscard]] std::size_t wanted_descriptors(const DescriptorNeeds& needs, std::size_t max_connections);

/// Divides `limit`. What is short is shared: at most half of what is free is kept from the clients. An error, in words,
/// where there is no place for one client.
[[nodiscard]] std::expected<DescriptorShares, std::string> share_descriptors(const DescriptorNeeds& needs,
                                                                             std::size_t limit,
                                                                             std::size_t max_connections);

/// The same for this process, whose limit is raised as far as wanted and allowed. Of what it has open, so many are the
/// configuration's own listeners.
[[nodiscard]] std::expected<DescriptorShares, std::string> share_descriptors(const config::Config& config,
                                                                             std::size_t listeners_open = 0);

}  // namespace pillion::app
