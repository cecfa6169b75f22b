// What a walk tells a tracer: the events of each step under the step's name, and the outcome.

#include <algorithm>

#include "dns/name.hpp"
#include "resolve/search_walk.hpp"

namespace pillion::resolve {

namespace trace = upstream::trace;

namespace {

/// The name of a query that Pillion made.
std::string name_of(dns::Bytes query) {
  return dns::to_text(dns::MessageView::parse(query).value().question().name);
}

}  // namespace

void SearchWalk::note_begin(dns::Bytes base) const {
  trace::note(request_->trace(), [&] {
    dns::Buffer name(base.begin(), base.end());
    name.push_back(0);
    return trace::WalkBegan{.base = dns::to_text(name), .candidates = candidates_};
  });
}

void SearchWalk::Step::note(const trace::What& what, std::string_view /*inner*/) {
  if (walk->request_ == nullptr) return;
  auto* const tracer = walk->request_->trace().tracer;
  if (tracer != nullptr) tracer->note(what, name_of(query));
}

void SearchWalk::Step::lost() noexcept {
  if (walk->request_ != nullptr && walk->request_->trace().tracer != nullptr) walk->request_->trace().tracer->lost();
}

void SearchWalk::note_end(const Step& step) const {
  trace::note(step.trace(), [&] {
    const auto index = std::ranges::find(steps_, &step, [](const Step& each) { return &each; }) - steps_.begin();
    return trace::StepEnded{.name = name_of(step.query),
                            .is_guard = static_cast<std::size_t>(index) >= candidates_,
                            .finding = step.state == State::exists    ? trace::NameState::exists
                                       : step.state == State::missing ? trace::NameState::missing
                                                                      : trace::NameState::failed};
  });
}

void SearchWalk::note_passed() {
  if (request_->trace().tracer == nullptr || is_pass_noted_ || !has_passed_unanswered()) return;
  is_pass_noted_ = true;
  trace::note(request_->trace(), [&] {
    return trace::StepPassed{.name = name_of(steps_[*plan_.in_guarded_namespace].query),
                             .denied = name_of(steps_[candidates_ + 1].query)};
  });
}

void SearchWalk::note_answer(const Step& from, bool has_found) const {
  trace::note(request_->trace(), [&] { return trace::WalkEnded{.name = name_of(from.query), .has_found = has_found}; });
}

}  // namespace pillion::resolve
