#pragma once
// One question at one upstream group: which servers are asked, when the next one is, and which reply is the answer.
// Pure: the time is a Schedule's, the servers are whoever implements Servers.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dns/query.hpp"
#include "resolve/request.hpp"
#include "runtime/schedule.hpp"
#include "upstream/policy.hpp"
#include "upstream/query.hpp"

namespace pillion::resolve {

class Exchange;

/// One try at one server.
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
  bool is_live_ = false;   // given to a server, and not yet ended
  bool is_hedge_ = false;  // given since another server was slower than usual
};

/// The servers of a group, by their place in the configuration.
class Servers {
 public:
  /// The best server that is not one of `tried`; with `only_responsive`, the best of those that are up and not silent.
  /// nullopt if there is none.
  [[nodiscard]] virtual std::optional<std::size_t> choose(upstream::ServerSet tried, bool only_responsive) = 0;
  /// Gives the attempt to its server, or says at once why that cannot be asked now. An attempt that was taken ends by
  /// replied(), failed() or its carrier's abandon().
  [[nodiscard]] virtual std::optional<upstream::Error> submit(Attempt& attempt, runtime::Time now) = 0;
  /// Why the server is backed off from, or nullopt if it is not.
  [[nodiscard]] virtual std::optional<upstream::Error> trouble_of(std::size_t server) const = 0;
  /// The latency after which the server is slower than usual, and another is worth asking as well (a hedge); nullopt
  /// where that is not known or not wanted.
  [[nodiscard]] virtual std::optional<runtime::Duration> slow_after(std::size_t server) const = 0;
  /// True if a query may be sent to `server` only to be quicker; false if too many were.
  [[nodiscard]] virtual bool take_hedge(std::size_t server) = 0;
  /// A hedge was taken and could not be sent.
  virtual void give_hedge_back() = 0;
  /// What came of a hedge: whether its server answered first.
  virtual void hedged(std::size_t server, bool has_won) = 0;
  /// The budget of a query ended while the server had it.
  virtual void timed_out(std::size_t server) = 0;
  /// For people: "1.1.1.1:853".
  [[nodiscard]] virtual std::string_view name_of(std::size_t server) const = 0;
  /// Why `server` was chosen just now of those that were not `tried`, for a question that is traced.
  [[nodiscard]] virtual upstream::trace::ServerChosen explain(std::size_t server, upstream::ServerSet tried) const = 0;
  /// The exchange has ended; its request has not been answered yet, and may ask again.
  virtual void ended(Exchange& exchange) = 0;

 protected:
  ~Servers() = default;
};

/// What all exchanges of a group go by.
struct ExchangeTerms {
  runtime::Schedule& schedule;
  Servers& servers;
  Source source;
  runtime::Duration budget;      ///< for the whole of a query
  runtime::Duration next_after;  ///< without a reply for so long, another server is asked as well
  /// In the order of the servers; empty where nobody wants to know whose an answer is. They outlive the answers.
  std::span<const AnsweringServer> names = {};
};

/// Asks a server, then, where that takes long, another as well, and takes the first usable reply, whosever it is: the
/// attempt that has been under way the longest is the likeliest to succeed. A server that fails, or that says that it
/// could or would not answer, is followed by the next at once (RFC 1034 section 5.3.3 step 4d); what it said is the
/// answer where nobody says better. A server that falls silent is followed at once, too, and one that is merely slower
/// than usual by a hedge, of which there are few.
class Exchange final : public runtime::Deadline {
 public:
  /// Attempts under way at once.
  static constexpr std::size_t max_attempts = 3;

  Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Answers `request` once, at the latest when the budget ends, possibly before this returns. `terms` outlive the
  /// exchange.
  void start(const ExchangeTerms& terms, const dns::QueryView& query, Request& request);
  /// After an exception: answers the request with a failure of ours, unless it has been answered.
  void fail();

  /// Bytes that its owner has taken for its messages, beyond what all exchanges take.
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
  void note_error(const Attempt& attempt, upstream::Error error);
  void abandon(Attempt& attempt);
  void keep(const Attempt& attempt, const upstream::Reply& reply);
  void give_up();
  void end(const Attempt* answered);
  void answer(const Attempt& attempt, const upstream::Reply& reply);
  void answer_kept_or_fail();
  [[nodiscard]] const AnsweringServer* named(std::size_t server) const {
    return server < terms_->names.size() ? &terms_->names[server] : nullptr;
  }

  const ExchangeTerms* terms_ = nullptr;
  Request* request_ = nullptr;
  runtime::Time give_up_;
  runtime::Time next_at_;                  // when another server is asked
  std::optional<runtime::Time> hedge_at_;  // when one is, if that is allowed
  upstream::ServerSet tried_ = 0;
  upstream::ServerSet refused_ = 0;  // have said that they could or would not answer
  std::array<Attempt, max_attempts> attempts_;
  std::uint8_t endings_ = 0;  // as upstream::Suspicion has them, over all attempts
  bool is_ending_ = false;    // what its attempts still say is of no interest
  bool has_ended_ = false;
  bool has_second_round_ = false;  // every server had it once, and is asked again
  upstream::Error last_error_ = upstream::Error::timeout;
  std::size_t last_server_ = 0;  // whom last_error_ is about
  /// The reply of a server that could or would not answer; of one without a question, `kept_message_` is empty.
  std::optional<std::uint16_t> kept_rcode_;
  std::size_t kept_server_ = 0;
  dns::Buffer kept_message_;
};

}  // namespace pillion::resolve
