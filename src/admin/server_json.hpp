#pragma once
// Upstreams, their connections and certificates as JSON: the configuration, the summed counters, and what each shard
// knows of each server, put together.

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

/// What the shards have said; nullopt for those that did not in time.
using ServerViews = std::vector<std::optional<std::vector<ServerView>>>;

/// Of a group with TLS, as the plan in use has it.
struct TlsView {
  std::string upstream;
  std::size_t authorities = 0;
  std::optional<WallTime> client_not_after;
};

/// The schema Upstreams.
[[nodiscard]] boost::json::object upstreams_json(const config::Config& config, const Figures& figures,
                                                 const ServerViews& views, const Moment& moment);
/// The schema Connections.
[[nodiscard]] boost::json::object connections_json(const config::Config& config, const ServerViews& views,
                                                   const Moment& moment);
/// The schema Certificates.
[[nodiscard]] boost::json::object certificates_json(const config::Config& config, const std::vector<TlsView>& tls,
                                                    const ServerViews& views, const Moment& moment);

}  // namespace pillion::admin
