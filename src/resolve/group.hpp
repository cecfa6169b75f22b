#pragma once
// One upstream group, as the layers above it see it.

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

  /// Opens the warm connections.
  virtual void start() = 0;
  /// Answers `request` once, at the latest when the budget of a query ends. `query` is not used after the call.
  virtual void resolve(const dns::QueryView& query, Request& request) = 0;
  /// Closes the connections in an orderly way; call when nothing is under way. They are gone when is_stopped().
  virtual void stop() = 0;
  [[nodiscard]] virtual bool is_stopped() const = 0;
  /// True if no query is under way.
  [[nodiscard]] virtual bool is_idle() const = 0;
  /// Gives back some of what a peak has left; true if there is more. Not from within a call of the group.
  [[nodiscard]] virtual bool trim() = 0;
  /// True once a first connection to any server was made, or failed.
  [[nodiscard]] virtual bool is_warm() const = 0;
  /// True if every server is backed off from. Then nothing is to be hoped for soon.
  [[nodiscard]] virtual bool is_down() const = 0;
  /// When a server that was down last answered again; nullopt if none ever did. A failure from before says nothing now,
  /// whichever servers it is of: a failure is the whole group's, and the server that is back had no part in it.
  [[nodiscard]] virtual std::optional<runtime::Time> recovered_at() const = 0;
};

}  // namespace pillion::resolve
