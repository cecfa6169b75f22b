#pragma once
// The connections of a pool, and their suitability. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "upstream/connection.hpp"
#include "upstream/quarantine.hpp"
#include "upstream/server_profile.hpp"

namespace pillion::upstream {

/// A connection, and what its pool knows about it.
struct Member {
  std::unique_ptr<Connection> connection;
  std::optional<Quarantine::Lane> lane = {};  ///< set if it only takes suspects
  Handshake handshake = {};                   ///< valid once it has been ready
  std::uint64_t sent = 0;
  std::optional<runtime::Time> ready_at = {};
  std::optional<runtime::Time> last_reply = {};
  /// Since when it has been sent as many queries as the server answers on one connection.
  std::optional<runtime::Time> used_up = {};
  bool has_to_prove = false;   ///< True if the server was down or in doubt when it became ready
  bool is_late = false;        ///< True once it fell silent; while proving, it may be given a query
  bool has_one_alone = false;  ///< True if the query sent last was alone in flight when it was sent
  bool keeps_alone = false;    ///< True if the query sent last must stay alone in flight

  [[nodiscard]] ConnectionState state() const { return connection->state(); }
  [[nodiscard]] bool is_opening() const { return upstream::is_opening(state()); }
  /// True if it may become ready.
  [[nodiscard]] bool is_coming() const { return is_opening() || state() == ConnectionState::proving; }
  [[nodiscard]] bool has_ended() const { return upstream::has_ended(state()); }
  [[nodiscard]] bool takes_queries() const { return upstream::takes_queries(state()); }
};

/// References to members are valid until the next add() or remove().
class Members {
 public:
  Member& add(std::unique_ptr<Connection> connection, std::optional<Quarantine::Lane> lane);
  void remove(const Connection& connection);
  [[nodiscard]] Member& of(const Connection& connection);

  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] Member& operator[](std::size_t i) { return members_[i]; }
  [[nodiscard]] auto begin() const { return members_.begin(); }
  [[nodiscard]] auto end() const { return members_.end(); }

  /// The first connection that takes a query and has fewer than `usual` in flight, else the one with the fewest;
  /// nullptr if none takes one. Forgets the server's query limit if a connection has outlived it.
  [[nodiscard]] Member* with_room(ServerProfile& profile, std::size_t usual, runtime::Time now);
  /// When the first used-up connection that is still open shows that the server has no query limit; nullopt if there
  /// is none.
  [[nodiscard]] std::optional<runtime::Time> query_limit_doubted_at(const ServerProfile& profile) const;

  [[nodiscard]] std::size_t opening() const;
  [[nodiscard]] std::size_t coming(bool lanes) const;
  [[nodiscard]] std::size_t lanes() const;
  /// Connections that count against the pool's limit: not lanes, nor those that drain, are silent or are about to be
  /// replaced.
  [[nodiscard]] std::size_t in_use() const;
  [[nodiscard]] std::size_t ready() const;
  /// A connection that takes queries, or nullptr if none does.
  [[nodiscard]] Member* any_ready();
  [[nodiscard]] bool have_all_ended() const;
  /// True if a connection is silent and none is ready.
  [[nodiscard]] bool are_silent() const;
  [[nodiscard]] std::size_t in_flight() const;

  using ByLabel = runtime::EnumArray<ConnectionLabel, std::size_t>;
  [[nodiscard]] ByLabel by_label() const;

 private:
  template <typename Wanted>
  [[nodiscard]] std::size_t count(Wanted wanted) const;

  std::vector<Member> members_;
};

}  // namespace pillion::upstream
