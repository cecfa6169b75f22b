#pragma once
// The interface of one server for the code that asks it.

#include <functional>
#include <optional>
#include <string>

#include "upstream/metrics.hpp"
#include "upstream/query.hpp"
#include "upstream/server_facts.hpp"
#include "upstream/server_profile.hpp"

namespace pillion::upstream {

class Channel {
 public:
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  /// Opens the first connection.
  virtual void start() = 0;
  /// Takes a query. Returns an error if the server cannot be asked now. Otherwise the query ends by replied(),
  /// failed() or its holder's abandon().
  [[nodiscard]] virtual std::optional<Error> submit(Query& query, runtime::Time now) = 0;
  /// Opens no more connections, and fails the queries that wait for one. Connections without a query that somebody
  /// waits for are closed in an orderly way, the others at once. Done when empty().
  virtual void stop() = 0;
  [[nodiscard]] virtual bool empty() const = 0;
  /// Frees some memory that a peak has left. True if there is more. Must not be called from within a call of the
  /// channel.
  [[nodiscard]] virtual bool trim() { return false; }

  [[nodiscard]] virtual const ServerProfile& profile() const = 0;
  /// The server's name for people: "1.1.1.1:853".
  [[nodiscard]] virtual const std::string& server() const = 0;
  /// True once a connection has been ready, or the server has failed.
  [[nodiscard]] virtual bool tried() const = 0;
  /// The counters of the server. Callers count the outcome of hedges there.
  [[nodiscard]] virtual ServerMetrics& metrics() = 0;
  /// Counts a failure that only whoever asked knows of, such as that a query's time is over.
  virtual void count_failure(Error error, runtime::Time now) = 0;
  /// The facts of the server, for the admin server.
  [[nodiscard]] virtual ServerFacts facts(runtime::Time now) const = 0;
  /// `listener` is called each time the server answers again after it was down.
  virtual void on_recovery(std::function<void()> listener) = 0;
};

}  // namespace pillion::upstream
