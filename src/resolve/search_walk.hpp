#pragma once
// A whole walk of a client's libc along its search list, made here at once: every candidate is looked up or asked, and
// the first in the order of the list that exists is the answer.

#include <deque>
#include <string>

#include "dns/query.hpp"
#include "resolve/request.hpp"

namespace pillion::resolve {

class Resolver;

class SearchWalk {
 public:
  /// Under way in one shard; more are left to the clients.
  static constexpr std::size_t max_walks = 4096;

  /// `query` is the walk's first step, for `base` and the first domain of the list. Answers `request` once. Gives
  /// itself back to the resolver's slab when every candidate has been answered.
  void start(Resolver& resolver, const dns::QueryView& query, dns::Bytes base, Request& request);

 private:
  /// One candidate.
  class Step final : public Request {
   public:
    enum class State : std::uint8_t {
      unasked,
      pending,
      exists,   // NOERROR, with or without records of the type
      missing,  // NXDOMAIN
      failed,
    };

    void answered(const Answer& answer) override;

    SearchWalk* walk = nullptr;
    State state = State::unasked;
    dns::Buffer query;   // for the candidate
    dns::Buffer answer;  // without OPT; empty where it has no message
    Source source = Source::local;
    std::uint16_t rcode = 0;
    std::optional<std::uint16_t> info_code;
    std::string text;
  };

  void ask(Step& step);
  void look_or_ask(Step& step);
  void keep(Step& step, const Answer& answer);
  void stepped();
  [[nodiscard]] bool finish();
  void answer_with(const Step& step);
  void answer_missing();

  Resolver* resolver_ = nullptr;
  Request* request_ = nullptr;  // nullptr once it has been answered
  dns::Buffer name_;            // as the client asked for it
  bool dnssec_ok_ = false;
  bool asking_ = false;
  std::size_t steps_in_use_ = 0;
  std::size_t pending_ = 0;
  std::deque<Step> steps_;  // stay where they are: others refer to them
  dns::Buffer composed_;
};

}  // namespace pillion::resolve
