#pragma once
// A whole walk of a client's libc along its search list, made here at once: the first candidate in the order of the
// list that exists is the answer. Whatever is not clear is left to the client: it gets the answer to its own question,
// which is the first candidate, and goes on by itself.

#include <cstdint>
#include <deque>
#include <ranges>
#include <string>

#include "cache/preparation.hpp"
#include "dns/query.hpp"
#include "dns/response_writer.hpp"
#include "resolve/request.hpp"
#include "resolve/search_list.hpp"

namespace pillion::resolve {

class Resolver;

class SearchWalk {
 public:
  /// Under way in one shard; more are left to the clients, as are those for which there is no memory.
  static constexpr std::size_t max_walks = 4096;
  /// Bytes that a walk along a list of Kubernetes takes, with small answers to its steps.
  static constexpr std::size_t usual_size = 6144;

  /// What all walks of a resolver compose their answers with, one after the other.
  struct Tools {
    explicit Tools(std::uint64_t seed) : writer(seed), prepared(seed) {}
    dns::ResponseWriter writer;
    cache::Preparation prepared;
  };

  /// `query` is the walk's first step, for `base` and the first domain of the list. Answers `request` once. Gives
  /// itself back to the resolver's slab when every step that was asked for has been answered.
  void start(Resolver& resolver, const dns::QueryView& query, dns::Bytes base, Request& request);

 private:
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
    /// What becomes of it is told to whoever traces the walk, as long as that goes on.
    void set_traced(bool traced) { trace_by(traced ? this : nullptr); }
    void note(const upstream::trace::What& what, std::string_view inner) override;
    void lost() noexcept override;
    void fail() {
      answer.clear();
      state = State::failed;
      rcode = dns::rcode::servfail;
    }

    SearchWalk* walk = nullptr;
    State state = State::unasked;
    dns::Buffer query;   // for its name
    dns::Buffer answer;  // without OPT; empty where it has no message
    dns::Buffer extended_errors;
    std::uint32_t ttl = 0;  // of what was answered, in seconds
    Source source = Source::local;
    std::uint16_t rcode = 0;
    std::optional<std::uint16_t> info_code;
    std::string text;
  };

  /// What follows from the states of the steps.
  struct Decision {
    enum class Action : std::uint8_t { wait, ask, answer_first, answer_found };
    Action action = Action::wait;
    std::size_t step = 0;  // to ask for, or that was found
  };

  /// The deque keeps steps of longer lists than this walk's.
  [[nodiscard]] auto steps_in_use() const {
    return std::views::take(steps_, static_cast<std::ptrdiff_t>(candidates_ + guards_));
  }
  void note_begin(dns::Bytes base) const;
  void note_end(const Step& step) const;
  void note_answer(const Step& from, bool has_found) const;
  void prepare(dns::Bytes base);
  void prepare_step(Step& step, bool fits, std::uint16_t flags, std::uint16_t type);
  void ask_inner_steps();
  void ask(Step& step);
  void keep(Step& step, const Answer& answer);
  void take(Step& step, const Answer& answer);
  void advance();
  void end();
  void go_on();
  void fail();
  template <typename Work, typename GiveUp>
  bool contain(Work work, GiveUp give_up);
  [[nodiscard]] Decision decide() const;
  [[nodiscard]] std::optional<Decision> look_at(std::size_t candidate) const;
  [[nodiscard]] std::optional<Decision> look_at_guard(std::size_t index) const;
  void answer_first();
  void answer_found(std::size_t index);
  void answer(const Step& from, dns::Bytes message);
  [[nodiscard]] bool compose_alias(const Step& target, std::uint32_t ttl);
  void compose_denial(std::uint16_t rcode, std::uint32_t ttl);
  void remember(dns::Bytes message, std::uint32_t ttl);
  [[nodiscard]] std::uint32_t denied_for(std::size_t candidates) const;

  Resolver* resolver_ = nullptr;
  std::uint64_t generation_number_ = 0;  // of the resolver's generation that it began in
  Request* request_ = nullptr;           // nullptr once it has been answered
  dns::Buffer name_;                     // as the client asked for it
  std::uint16_t type_ = 0;
  std::uint16_t klass_ = 0;
  std::uint16_t flags_ = 0;
  bool dnssec_ok_ = false;
  bool is_busy_ = false;  // asks or answers: what that leads to is for the caller to see
  SearchList::Plan plan_;
  std::size_t candidates_ = 0;  // the last of them is the base by itself
  std::size_t guards_ = 0;
  std::size_t pending_ = 0;
  std::size_t answer_bytes_ = 0;  // taken of the memory for walks
  std::deque<Step> steps_;        // candidates, then guards; they stay where they are, since others refer to them
  dns::Buffer composed_;
};

}  // namespace pillion::resolve
