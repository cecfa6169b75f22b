#pragma once
// Many queries on one connection (RFC 7766 section 6.2.1, RFC 7858 section 3.3). Pure: the driver reports what was
// sent, what arrived and what time it is.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/clock.hpp"
#include "upstream/query.hpp"

namespace pillion::upstream {

/// Matches replies to queries by id and question.
///
/// An id is random and unused. Only its reply or the end of the connection returns it: an abandoned query keeps its
/// id, so that a late reply can never be taken for another query's.
class Mux {
 public:
  /// Where messages come from. Anybody can send a datagram: one without the question is ignored, and the wait goes on
  /// (RFC 5452 section 9.1). On a stream only the server can send, so that it has answered wrongly.
  enum class Path : std::uint8_t { stream, datagrams };
  /// Datagrams with a query's id but not its question that are ignored, since somebody may be guessing ids.
  static constexpr std::uint8_t near_misses_passed_over = 2;

  /// `max_in_flight` is 1 … 32,768. `random_id` must be unpredictable if the path is not authenticated (RFC 5452 4.3).
  Mux(Path path, std::size_t max_in_flight, std::function<std::uint16_t()> random_id);

  /// Ids in use, including those of abandoned queries.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  /// Queries that were not abandoned.
  [[nodiscard]] std::size_t waited_for() const { return in_flight_ - abandoned_; }
  [[nodiscard]] bool has_room() const { return in_flight_ < max_in_flight_; }
  /// Replies that arrived, including those to abandoned queries.
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

  /// Takes an id for a query that is being sent, and returns it. There must be room.
  std::uint16_t add(Query& query, runtime::Time now);

  /// A message from the server, matched to a query.
  struct Received {
    Query* query = nullptr;  ///< the query that it answers, or nullptr if that query was abandoned
    /// The reply, for which dns::is_sound_reply() holds unless it is truncated. malformed_reply if it is not sound
    /// although id and question match. mismatched_reply if it has another question: on a stream, or in more datagrams
    /// than are ignored.
    std::expected<Reply, Error> reply;
  };
  /// Matches one message and returns its id; over a stream, matches by the question if no query has the id. The error
  /// is mismatched_reply if the message answers nothing or is ignored, and malformed_reply if it is shorter than a
  /// header. `is_cut` is true if the buffer did not hold the whole datagram.
  [[nodiscard]] std::expected<Received, Error> receive(dns::Bytes message, runtime::Time now, bool is_cut = false);

  /// Returns the id of a query that was not sent. Returns the query, or nullptr if it was abandoned.
  [[nodiscard]] Query* take_back(std::uint16_t id);
  /// Removes the oldest query that was not abandoned, except `apart`, and returns its id. nullptr if there is none.
  [[nodiscard]] Query* take_oldest(const Query* apart);
  /// Calls delayed() of every query that was not abandoned, except `apart`.
  void delay_all(const Query* apart);

  /// Abandons the query. Its id stays in use. The query is not referred to after this.
  void abandon(Query& query);

  /// The connection has ended: forgets everything, and returns the queries that were not abandoned, in the order of
  /// sending.
  [[nodiscard]] std::vector<Query*> close();

  /// When the oldest query without a reply was sent, including abandoned ones; nullopt if nothing is in flight.
  [[nodiscard]] std::optional<runtime::Time> oldest_unanswered() const;
  /// When the newest query without a reply was sent, including abandoned ones; nullopt if nothing is in flight.
  [[nodiscard]] std::optional<runtime::Time> newest_unanswered() const;
  /// When the oldest query that was not abandoned was sent, not counting `apart`; nullopt if there is none.
  [[nodiscard]] std::optional<runtime::Time> oldest_waited_for(const Query* apart) const;

 private:
  using Index = std::uint32_t;
  static constexpr Index none = 0xffffffff;

  /// The index of a slot is the low bits of its id, so that finding a reply's query takes one access.
  struct Slot {
    Query* query = nullptr;
    runtime::Time sent;
    Index older = none;
    Index newer = none;
    std::uint16_t id = 0;
    bool taken = false;
    std::uint8_t near_misses = 0;
    std::unique_ptr<dns::Buffer> question;  // of an abandoned query, whose own message is gone
  };

  [[nodiscard]] Index index_of(std::uint16_t id) const { return static_cast<Index>(id & (slots_.size() - 1)); }
  [[nodiscard]] static dns::Bytes question_of(const Slot& slot);
  void set_newer(Index index, Index newer);
  void link(Index index);
  [[nodiscard]] std::optional<Index> meant_by(dns::Bytes message) const;
  [[nodiscard]] bool is_passed_over(Slot& slot) const;
  [[nodiscard]] bool is_unread(const dns::Header& header, const Slot& slot) const;
  [[nodiscard]] std::expected<Reply, Error> read(dns::Bytes message, const Slot& slot, bool is_cut) const;
  void release(Index index);
  void grow();

  Path path_;
  std::size_t max_in_flight_;
  std::function<std::uint16_t()> random_id_;
  std::vector<Slot> slots_;  // a power of two, at least twice the number of ids in use
  Index oldest_ = none;
  Index newest_ = none;
  std::size_t in_flight_ = 0;
  std::size_t abandoned_ = 0;
  std::uint64_t answered_ = 0;
};

}  // namespace pillion::upstream
