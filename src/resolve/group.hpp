#pragma once
// The interface of one upstream group for the layers above it.

#include <optional>

#include "dns/query.hpp"
#include "resolve/request.hpp"
#include "runtime/clock.hpp"

namespace pillion::resolve {

class Group {
 public:
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  virtual ~Group() = default;

  /// Opens the first connections.
  virtual void start() = 0;
  /// Answers `request` once, at the latest when the budget of a query ends. `query` is not used after the call.
  virtual void resolve(const dns::QueryView& query, Request& request) = 0;
  /// Fails the queries that are in flight and closes the connections. They are closed when is_stopped().
  virtual void stop() = 0;
  [[nodiscard]] virtual bool is_stopped() const = 0;
  /// True if no query is in flight.
  [[nodiscard]] virtual bool is_idle() const = 0;
  /// Frees some memory that a peak has left. True if there is more. Must not be called from within a call of the
  /// group.
  [[nodiscard]] virtual bool trim() = 0;
  /// True once a first connection to any server was opened or has failed.
  [[nodiscard]] virtual bool is_warm() const = 0;
  /// True if every server is backed off from, so that no answer is likely soon.
  [[nodiscard]] virtual bool is_down() const = 0;
  /// When a server that was down last answered again, or nullopt if none ever did. A failure from before that time
  /// says nothing about now, whichever server it came from: a failure is the whole group's, and the server that is
  /// back had no part in it.
  [[nodiscard]] virtual std::optional<runtime::Time> recovered_at() const = 0;
};

}  // namespace pillion::resolve
