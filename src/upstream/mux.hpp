#pragma once
// Many queries on one connection (RFC 7766 section 6.2.1, RFC 7858 section 3.3). Pure: no socket, no clock; the driver
// says what was sent, what arrived and what time it is.

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
/// An id is random and unused, and is given back only by its reply or by the end of the connection: a query that nobody
/// waits for any more keeps it, so that a late reply can never be taken for another query's.
class Mux {
 public:
  /// Whether anybody but the server can have sent what arrives. Of datagrams, what does not carry the question is
  /// passed over and waiting goes on (RFC 5452 section 9.1); on a stream it is the server that answers wrongly.
  enum class Path : std::uint8_t { stream, datagrams };
  /// Datagrams with a query's id and without its question that are passed over: a forger may be guessing.
  static constexpr std::uint8_t near_misses_passed_over = 2;

  /// `max_in_flight`: 1 … 32,768. `random_id` must be unpredictable where the path is not authenticated (RFC 5452 4.3).
  Mux(Path path, std::size_t max_in_flight, std::function<std::uint16_t()> random_id);

  /// Ids taken: queries waited for and abandoned ones.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  /// Queries that somebody waits for.
  [[nodiscard]] std::size_t waited_for() const { return in_flight_ - abandoned_; }
  [[nodiscard]] bool has_room() const { return in_flight_ < max_in_flight_; }
  /// Replies that arrived, those to abandoned queries included.
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

  /// Takes an id for a query that is being sent, and returns it. There must be room.
  std::uint16_t add(Query& query, runtime::Time now);

  /// What a message from the server is.
  struct Received {
    Query* query = nullptr;  ///< whom it answers; nullptr: nobody waits for it any more
    /// The reply, which dns::is_sound_reply() unless it is truncated. malformed_reply if it is not, though its id and
    /// question match. mismatched_reply if the question is another one: on a stream, or in more datagrams than are
    /// passed over.
    std::expected<Reply, Error> reply;
  };
  /// Matches one message and gives its id back; over a stream, by its question where its id is nobody's.
  /// mismatched_reply: it answers nothing that was asked, or is passed over;
  /// malformed_reply: it is not even a header. `is_cut`: the buffer did not hold the whole datagram.
  [[nodiscard]] std::expected<Received, Error> receive(dns::Bytes message, runtime::Time now, bool is_cut = false);

  /// The query that has this id, or nullptr if nobody waits for it. Its id is given back: it never left.
  [[nodiscard]] Query* take_back(std::uint16_t id);
  /// The oldest query that somebody waits for, `apart` left out, or nullptr if there is none. Its id is given back.
  [[nodiscard]] Query* take_oldest(const Query* apart);
  /// Calls delayed() of every query that is waited for, `apart` left out.
  void delay_all(const Query* apart);

  /// Nobody waits for this query any more; its id stays taken. The query is not referred to after this.
  void abandon(Query& query);

  /// The connection has ended: forgets everything and returns the queries still waited for, in the order they were
  /// sent.
  [[nodiscard]] std::vector<Query*> close();

  /// When the oldest query without a reply was sent, abandoned ones included; nullopt when nothing is in flight.
  [[nodiscard]] std::optional<runtime::Time> oldest_unanswered() const;
  /// When the query was sent that was sent last of those without a reply; nullopt when nothing is in flight.
  [[nodiscard]] std::optional<runtime::Time> newest_unanswered() const;
  /// When the oldest query that somebody waits for was sent, `apart` not counted; nullopt where there is none.
  [[nodiscard]] std::optional<runtime::Time> oldest_waited_for(const Query* apart) const;

 private:
  using Index = std::uint32_t;
  static constexpr Index none = 0xffffffff;

  /// A slot's index is the low bits of its id, so that finding a reply's query is one look.
  struct Slot {
    Query* query = nullptr;
    runtime::Time sent;
    Index older = none;
    Index newer = none;
    std::uint16_t id = 0;
    bool taken = false;
    std::uint8_t near_misses = 0;
    std::unique_ptr<dns::Buffer> question;  // of an abandoned query, whose own bytes are gone
  };

  [[nodiscard]] Index index_of(std::uint16_t id) const { return static_cast<Index>(id & (slots_.size() - 1)); }
  [[nodiscard]] static dns::Bytes question_of(const Slot& slot);
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
  std::vector<Slot> slots_;  // a power of two, at least twice as many as are taken
  Index oldest_ = none;
  Index newest_ = none;
  std::size_t in_flight_ = 0;
  std::size_t abandoned_ = 0;
  std::uint64_t answered_ = 0;
};

}  // namespace pillion::upstream
