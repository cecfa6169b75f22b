#pragma once
// The connections that a pool has, and which of them is good for what. Pure.

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

/// A connection, and what a pool knows of it.
struct Member {
  std::unique_ptr<Connection> connection;
  std::optional<Quarantine::Lane> lane = {};  ///< for suspects alone
  Handshake handshake = {};                   ///< once it has been ready
  std::uint64_t sent = 0;
  std::optional<runtime::Time> ready_at = {};
  std::optional<runtime::Time> last_reply = {};
  std::optional<runtime::Time> used_up = {};  ///< since when it has been sent as many queries as the server answers
  bool has_to_prove = false;                  ///< since the server was down or in doubt when it became ready
  bool is_late = false;                       ///< it fell silent, once; while proving, it may be given a query
  bool has_one_alone = false;                 ///< what was sent last was alone in flight then
  bool keeps_alone = false;                   ///< what was sent last is to stay alone in flight

  [[nodiscard]] ConnectionState state() const { return connection->state(); }
  [[nodiscard]] bool is_opening() const { return upstream::is_opening(state()); }
  /// It will be ready, if all goes well.
  [[nodiscard]] bool is_coming() const { return is_opening() || state() == ConnectionState::proving; }
  [[nodiscard]] bool has_ended() const { return upstream::has_ended(state()); }
  [[nodiscard]] bool takes_queries() const { return upstream::takes_queries(state()); }
};

/// References to members are good until the next add() or remove().
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

  /// The first connection that takes a query and has less than `usual` in flight, else the one that has the least;
  /// nullptr if none takes one. Forgets the server's quota where a connection has outlived it.
  [[nodiscard]] Member* with_room(ServerProfile& profile, std::size_t usual, runtime::Time now);
  /// When the first connection that has served the quota, and is still open, shows that there is none; nullopt if none
  /// has.
  [[nodiscard]] std::optional<runtime::Time> quota_doubted_at(const ServerProfile& profile) const;

  [[nodiscard]] std::size_t opening() const;
  [[nodiscard]] std::size_t coming(bool lanes) const;
  [[nodiscard]] std::size_t lanes() const;
  /// Ordinary ones that count against the pool's limit: those that drain, fall silent or are about to be replaced do
  /// not.
  [[nodiscard]] std::size_t in_use() const;
  [[nodiscard]] std::size_t ready() const;
  /// nullptr if none takes queries.
  [[nodiscard]] Member* any_ready();
  [[nodiscard]] bool have_all_ended() const;
  /// Some connection is silent, and none is heard of.
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
