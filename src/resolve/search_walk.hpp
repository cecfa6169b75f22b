#pragma once
// A whole walk of a client's libc along its search list, which Pillion makes at once. The answer is the first
// candidate, in the order of the list, that exists. If anything is unclear, the client gets the answer to its own
// question, which is the first candidate, and continues by itself.

#include <cstdint>
#include <deque>
#include <limits>
#include <ranges>
#include <string>

#include "cache/preparation.hpp"
#include "dns/query.hpp"
#include "dns/response_writer.hpp"
#include "resolve/request.hpp"
#include "resolve/search_list.hpp"
#include "runtime/schedule.hpp"

namespace pillion::resolve {

class Resolver;

class SearchWalk final : runtime::Deadline {
 public:
  /// The most walks in progress in one shard. Further ones, and those for which there is no memory, are left to the
  /// clients.
  static constexpr std::size_t max_walks = 4096;
  /// Bytes of a walk along a Kubernetes search list, with small answers to its steps.
  static constexpr std::size_t usual_size = 6144;

  /// What the walks of a resolver share to compose their answers, one at a time.
  struct Tools {
    explicit Tools(std::uint64_t seed) : writer(seed), prepared(seed) {}
    dns::ResponseWriter writer;
    cache::Preparation prepared;
  };

  /// `query` is the first step of the walk, for `base` and the first domain of the list. Answers `request` once.
  /// Returns itself to the resolver's slab once every step that was asked for has been answered.
  void start(Resolver& resolver, const dns::QueryView& query, dns::Bytes base, Request& request);

 private:
  /// TTL in seconds of what limits no other TTL.
  static constexpr auto no_limit = std::numeric_limits<std::uint32_t>::max();

  enum class Phase : std::uint8_t {
    waiting,   // for steps that were asked for; advance() goes on
    acting,    // advance() asks or answers; it looks at what is answered meanwhile
    answered,  // the request was answered; steps may still be in flight
  };

  /// Of a step.
  enum class State : std::uint8_t {
    unasked,
    pending,
    exists,   // NOERROR, with or without records of the type
    missing,  // NXDOMAIN
    failed,
  };

  /// A candidate, or a guard.
  class Step final : public Request, upstream::trace::Tracer {
   public:
    void answered(const Answer& answer) override;
    /// Lets the walk's tracer get the events of this step, as long as the walk lasts.
    void set_traced(bool traced) { trace_by(traced ? this : nullptr); }
    void note(const upstream::trace::What& what, std::string_view inner) override;
    void lost() noexcept override;
    void fail() {
      answer.clear();
      state = State::failed;
      rcode = dns::rcode::servfail;
      shortage = Shortage::none;
    }

    SearchWalk* walk = nullptr;
    State state = State::unasked;
    dns::Buffer query;   // its name is the step's
    dns::Buffer answer;  // without OPT; empty if there was no message
    dns::Buffer extended_errors;
    std::uint32_t ttl = 0;  // seconds for which the answer is valid
    Source source = Source::local;
    std::uint16_t rcode = 0;
    std::optional<std::uint16_t> info_code;
    std::string text;
    Shortage shortage = Shortage::none;
  };

  /// What the states of the steps imply.
  struct Decision {
    enum class Action : std::uint8_t { wait, ask, answer_first, answer_found };
    Action action = Action::wait;
    std::size_t step = 0;  // the step to ask for, or the one that was found
  };

  /// The deque may hold more steps than this walk has, from walks along longer lists.
  [[nodiscard]] auto steps_in_use() const {
    return std::views::take(steps_, static_cast<std::ptrdiff_t>(candidates_ + guards_));
  }
  void note_begin(dns::Bytes base) const;
  void note_end(const Step& step) const;
  void note_passed();
  void note_answer(const Step& from, bool has_found) const;
  void prepare(dns::Bytes base);
  void prepare_step(Step& step, bool fits, std::uint16_t flags, std::uint16_t type);
  void advance();
  [[nodiscard]] Phase act();
  void fail();
  void end();
  void ask(Step& step);
  void keep(Step& step, const Answer& answer);
  void take(Step& step, const Answer& answer);
  template <typename Work, typename GiveUp>
  bool contain(Work work, GiveUp give_up);
  void expired(runtime::Time now) override;

  // The decision (search_walk_decision.cpp)
  [[nodiscard]] Decision decide() const;
  [[nodiscard]] std::optional<std::size_t> unasked_inner_step() const;
  [[nodiscard]] Decision follow() const;
  [[nodiscard]] std::optional<Decision> look_at(std::size_t candidate) const;
  [[nodiscard]] std::optional<Decision> look_at_inner(std::size_t candidate) const;
  [[nodiscard]] std::optional<Decision> look_at_guard(std::size_t index) const;
  [[nodiscard]] bool passes_unanswered() const;
  [[nodiscard]] bool has_passed_unanswered() const;

  // The answer (search_walk_answer.cpp)
  void answer_first();
  void answer_found(std::size_t index);
  void answer(const Step& from, dns::Bytes message);
  [[nodiscard]] bool compose_alias(const Step& target, std::uint32_t ttl);
  void compose_denial(std::uint16_t rcode, std::uint32_t ttl);
  void remember(dns::Bytes message, std::uint32_t ttl);
  [[nodiscard]] std::uint32_t denied_for(std::size_t candidates) const;

  Resolver* resolver_ = nullptr;
  std::uint64_t generation_number_ = 0;  // of the generation in which the walk began
  Phase phase_ = Phase::answered;
  Request* request_ = nullptr;  // nullptr once it has been answered
  dns::Buffer name_;            // as the client sent it
  std::uint16_t type_ = 0;
  std::uint16_t klass_ = 0;
  std::uint16_t flags_ = 0;
  bool dnssec_ok_ = false;
  SearchList::Plan plan_;
  std::size_t candidates_ = 0;  // the last one is the base alone
  std::size_t guards_ = 0;
  std::size_t pending_ = 0;
  bool is_late_ = false;          // True if the candidate in the guarded namespace is late
  bool is_pass_noted_ = false;    // True if the trace has been told that the walk goes on without that candidate
  std::size_t answer_bytes_ = 0;  // bytes taken from the memory for walks
  std::deque<Step> steps_;        // candidates, then guards; their addresses do not change, since others refer to them
  dns::Buffer composed_;
};

}  // namespace pillion::resolve
