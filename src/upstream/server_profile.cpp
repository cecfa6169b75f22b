#include "upstream/server_profile.hpp"

#include <algorithm>
#include <utility>

#include "upstream/liveness.hpp"

namespace pillion::upstream {

void ServerProfile::inherit(const ServerProfile& known) {
  const auto edns = edns_;
  auto question = known_question_;
  question.inherit(known.known_question_);
  *edns = *known.edns_;
  *this = known;
  edns_ = edns;
  known_question_ = std::move(question);
  health_ = {};
}

void ServerProfile::replied(runtime::Duration latency) {
  health_.replied(latency);
  latencies_.add(latency);
  // Reading the sketch costs more than adding to it.
  constexpr std::uint32_t read_every = 32;
  if (++since_read_ < read_every) return;
  since_read_ = 0;
  slow_after_ = latencies_.quantile(95);
  if (slow_after_)
    patience_ = std::min<runtime::Duration>(least_patience + 2 * *slow_after_, Liveness::longest_patience);
}

/// Requires the same number several times, since connections also end for other reasons.
void ServerProfile::closed_after(std::uint64_t answered, runtime::Duration since_reply) {
  if (answered == 0 || since_reply >= query_limit_window) return;
  closes_alike_ = std::exchange(last_answered_, answered) == answered ? closes_alike_ + 1 : 1;
  if (closes_alike_ >= closes_to_learn_) query_limit_ = answered;
}

void ServerProfile::closed_at_query() {
  query_limit_.reset();
  closes_alike_ = 0;
  last_answered_ = 0;
  closes_to_learn_ = closes_to_learn_in_doubt;
}

/// Requires about the same time twice, since a server that restarts closes idle connections too.
void ServerProfile::closed_idle(runtime::Duration idle) {
  if (idle < least_idle) return;
  const auto before = std::exchange(last_idle_, idle);
  if (!before) return;
  const auto [shorter, longer] = std::minmax(*before, idle);
  if (longer - shorter > longer / 10) return;
  idle_timeout_ = shorter * 9 / 10;
}

}  // namespace pillion::upstream
