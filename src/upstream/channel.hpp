#pragma once
// One server, as those that ask it see it.

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
  /// Takes a query, or says at once why the server cannot be asked now. An accepted query ends by replied(), failed()
  /// or its carrier's abandon().
  [[nodiscard]] virtual std::optional<Error> submit(Query& query, runtime::Time now) = 0;
  /// Closes every connection, in an orderly way where no query is under way on it, and opens no more. Over when
  /// empty().
  virtual void stop() = 0;
  [[nodiscard]] virtual bool empty() const = 0;
  /// Gives back some of what a peak has left; true if there is more. Not from within a call of the channel.
  [[nodiscard]] virtual bool trim() { return false; }

  [[nodiscard]] virtual const ServerProfile& profile() const = 0;
  /// For people: "1.1.1.1:853".
  [[nodiscard]] virtual const std::string& server() const = 0;
  /// True if a connection was ready since the start, or failed.
  [[nodiscard]] virtual bool tried() const = 0;
  /// Counts what came of a hedge (ServerMetrics).
  [[nodiscard]] virtual ServerMetrics& metrics() = 0;
  /// Counts a failure that only whoever asked knows of, such as that a query's time is over.
  virtual void count_failure(Error error, runtime::Time now) = 0;
  /// For people who look at the running proxy.
  [[nodiscard]] virtual ServerFacts facts(runtime::Time now) const = 0;
  /// `listener` is called whenever the server answers again after it was down.
  virtual void on_recovery(std::function<void()> listener) = 0;
};

}  // namespace pillion::upstream
