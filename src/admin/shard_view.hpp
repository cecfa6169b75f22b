#pragma once
// The interface of a shard for the admin server. All calls are made on the shard's thread.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cache/store.hpp"
#include "runtime/clock.hpp"
#include "server/clients.hpp"
#include "server/explainer.hpp"
#include "server/recent_queries.hpp"
#include "upstream/server_facts.hpp"

namespace pillion::admin {

/// The facts of one server as one shard knows them.
struct ServerView {
  std::string upstream;  ///< the group's name
  std::string server;    ///< address and port
  upstream::ServerFacts facts;
};

/// What it returns by reference or pointer belongs to the shard.
class ShardView {
 public:
  ShardView() = default;
  ShardView(const ShardView&) = delete;
  ShardView& operator=(const ShardView&) = delete;

  /// The time of the turn.
  [[nodiscard]] virtual runtime::Time now() = 0;
  /// The servers of all upstreams.
  [[nodiscard]] virtual std::vector<ServerView> servers() = 0;
  /// The clients that this shard has a record of.
  [[nodiscard]] virtual std::vector<server::ClientFacts> clients() = 0;
  /// Empty if admin.recent is 0.
  [[nodiscard]] virtual const server::RecentQueries& recent() = 0;
  /// The cache, or nullptr if it is off.
  [[nodiscard]] virtual cache::Store* cache() = 0;
  /// Asks as a client would. `done` is called once, now or later; with nullopt if too many explanations are in
  /// progress. It is not called if the shard ends first.
  virtual void explain(const server::ExplainedQuestion& question,
                       std::function<void(std::optional<server::Explanation>)> done) = 0;

 protected:
  ~ShardView() = default;
};

/// Calls the function on the shard's thread if its loop still runs. Any thread may call it.
using PostToShard = std::function<void(std::function<void(ShardView&)>)>;

}  // namespace pillion::admin
