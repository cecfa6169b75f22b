#pragma once
// One question to one upstream group: which servers are asked, when the next one is asked, and which reply is the
// answer. Pure: a Schedule provides the time, and an implementation of Servers the servers.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dns/query.hpp"
#include "resolve/request.hpp"
#include "resolve/resolution_failure.hpp"
#include "runtime/schedule.hpp"
#include "upstream/policy.hpp"
#include "upstream/query.hpp"

namespace pillion::resolve {

class Exchange;

/// One attempt to get the answer from one server.
class Attempt final : public upstream::Query {
 public:
  void replied(const upstream::Reply& reply) override;
  void failed(upstream::Error error) override;
  void delayed() override;

  [[nodiscard]] std::size_t server() const { return server_; }

 private:
  friend class Exchange;
  Exchange* exchange_ = nullptr;
  std::size_t server_ = 0;
  bool is_live_ = false;   // given to a server, and not ended
  bool is_hedge_ = false;  // made because another server was slower than usual
};

/// The servers of a group, numbered in the order of the configuration.
class Servers {
 public:
  /// The best server that is not in `tried`; if `only_responsive`, the best of those that are up and not silent.
  /// nullopt if there is none.
  [[nodiscard]] virtual std::optional<std::size_t> choose(upstream::ServerSet tried, bool only_responsive) = 0;
  /// Gives the attempt to its server. Returns an error if the server cannot be asked now. Otherwise the attempt ends
  /// by replied(), failed() or its holder's abandon().
  [[nodiscard]] virtual std::optional<upstream::Error> submit(Attempt& attempt, runtime::Time now) = 0;
  /// Why the server is backed off from, or nullopt if it is not.
  [[nodiscard]] virtual std::optional<upstream::Error> trouble_of(std::size_t server) const = 0;
  /// The latency after which the server is slower than usual and another server is worth asking too (a hedge); nullopt
  /// if it is unknown, or hedging is off.
  [[nodiscard]] virtual std::optional<runtime::Duration> slow_after(std::size_t server) const = 0;
  /// True if a hedge may be sent to `server`; false if too many were sent.
  [[nodiscard]] virtual bool take_hedge(std::size_t server) = 0;
  /// Returns a hedge that was taken but could not be sent.
  virtual void give_hedge_back() = 0;
  /// Reports the end of a hedge. `has_won` is true if its server answered first.
  virtual void hedged(std::size_t server, bool has_won) = 0;
  /// The query's budget ended while `server` had it.
  virtual void timed_out(std::size_t server) = 0;
  /// The server's name for people: "1.1.1.1:853".
  [[nodiscard]] virtual std::string_view name_of(std::size_t server) const = 0;
  /// Why choose() has just chosen `server` among those that are not in `tried`, for a trace.
  [[nodiscard]] virtual upstream::trace::ServerChosen explain(std::size_t server, upstream::ServerSet tried) const = 0;
  /// The exchange has ended. Its request is answered after this call, and may ask again.
  virtual void ended(Exchange& exchange) = 0;

 protected:
  ~Servers() = default;
};

/// The settings that all exchanges of a group share.
struct ExchangeTerms {
  runtime::Schedule& schedule;
  Servers& servers;
  Source source;
  runtime::Duration budget;      ///< for a whole query
  runtime::Duration next_after;  ///< another server is asked too after this long without a reply
  /// In the order of the servers; empty where nobody wants to know whose an answer is. They outlive the answers.
  std::span<const AnsweringServer> names = {};
};

/// Asks a server, asks another one too if that takes long, and takes the first usable reply from either: the attempt
/// that is in flight the longest is the likeliest to succeed. If a server fails, or replies that it could or would not
/// answer, the next one is asked at once (RFC 1034 section 5.3.3 step 4d). Such a reply is the answer if no server
/// knows better. If a server falls silent, the next one is asked at once too. If it is only slower than usual, a hedge
/// may be sent, of which there are few.
class Exchange final : public runtime::Deadline {
 public:
  /// The most attempts in flight at once.
  static constexpr std::size_t max_attempts = 3;

  Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Asks for `query` and answers `request` once, at the latest when the budget ends, and possibly before this
  /// returns. `terms` must outlive the exchange.
  void start(const ExchangeTerms& terms, const dns::QueryView& query, Request& request);
  /// Called after an exception. Answers the request with an internal error, unless it has been answered.
  void fail();

  /// The bytes that the exchange of this query takes beyond the usual. A signed message is kept whole: twice by each
  /// attempt if the upstream is asked by datagrams, and once more in a connection's output. All are taken at the start,
  /// so that a later attempt never lacks what newer queries have taken.
  [[nodiscard]] static std::size_t unusual_size_of(const dns::QueryView& query) {
    constexpr std::size_t copies = 2 * max_attempts + 1;
    return query.message.is_signed() ? copies * query.message.bytes().size() : 0;
  }
  /// Bytes of memory that the owner has taken for this exchange's messages, beyond the usual size.
  std::size_t unusual_size = 0;

 private:
  friend class Attempt;
  void replied(Attempt& attempt, const upstream::Reply& reply);
  void failed(Attempt& attempt, upstream::Error error);
  void delayed(const Attempt& attempt);
  void expired(runtime::Time now) override;
  void look(runtime::Time now);

  [[nodiscard]] runtime::Time now() const { return terms_->schedule.clock().now(); }
  [[nodiscard]] bool is_waiting() const;
  [[nodiscard]] upstream::ServerSet waited_for() const;
  [[nodiscard]] Attempt* free_attempt();
  void take(Attempt& attempt, std::size_t server, upstream::trace::Cause cause);
  bool ask_another(runtime::Time now, bool only_responsive, upstream::trace::Cause cause);
  void ask_late(runtime::Time now);
  void hedge(runtime::Time now);
  void set_deadline();
  [[nodiscard]] bool submit(Attempt& attempt, runtime::Time now);
  [[nodiscard]] const upstream::trace::Link& trace() const { return request_->trace(); }
  [[nodiscard]] std::string server_of(const Attempt& attempt) const {
    return std::string(terms_->servers.name_of(attempt.server_));
  }
  void note_end(Attempt& attempt);
  void abandon(Attempt& attempt);
  void give_up();
  void end(const Attempt* answered);
  void answer(const Attempt& attempt, const upstream::Reply& reply);
  void answer_failure();
  [[nodiscard]] const AnsweringServer* named(std::size_t server) const {
    return server < terms_->names.size() ? &terms_->names[server] : nullptr;
  }

  const ExchangeTerms* terms_ = nullptr;
  Request* request_ = nullptr;
  runtime::Time give_up_;
  runtime::Time next_at_;                  // when another server is asked too
  std::optional<runtime::Time> hedge_at_;  // when a hedge is due; nullopt if none is
  upstream::ServerSet tried_ = 0;
  upstream::ServerSet refused_ = 0;  // the servers that replied that they could or would not answer
  std::array<Attempt, max_attempts> attempts_;
  std::uint8_t endings_ = 0;  // the most that any attempt had, as in upstream::Suspicion
  bool is_ending_ = false;    // what the attempts still report is ignored
  bool has_ended_ = false;
  bool has_second_round_ = false;  // every server has had the question once and is asked again
  ResolutionFailure failure_;      // the answer if no server answers
};

}  // namespace pillion::resolve
