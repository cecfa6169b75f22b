#pragma once
// Upstreams, their connections and certificates as JSON, merged from the configuration, the summed counters and the
// shards' facts.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "admin/figures.hpp"
#include "admin/json.hpp"
#include "admin/shard_view.hpp"
#include "config/config.hpp"

namespace pillion::admin {

/// The facts from each shard, or nullopt if a shard did not answer in time.
using ServerViews = std::vector<std::optional<std::vector<ServerView>>>;

/// The TLS settings of one upstream in the current configuration.
struct TlsView {
  std::string upstream;
  std::size_t authorities = 0;               ///< the number of certificate authorities that are trusted
  std::optional<WallTime> client_not_after;  ///< end of validity of our certificate; nullopt if there is none
};

/// An object of the schema Upstreams.
[[nodiscard]] boost::json::object upstreams_json(const config::Config& config, const Figures& figures,
                                                 const ServerViews& views, const Moment& moment);
/// An object of the schema Connections.
[[nodiscard]] boost::json::object connections_json(const config::Config& config, const ServerViews& views,
                                                   const Moment& moment);
/// An object of the schema Certificates.
[[nodiscard]] boost::json::object certificates_json(const config::Config& config, const std::vector<TlsView>& tls,
                                                    const ServerViews& views, const Moment& moment);

}  // namespace pillion::admin
