#include "server/explainer.hpp"

#include <utility>

#include "dns/query.hpp"
#include "dns/response.hpp"
#include "resolve/trace_events.hpp"
#include "server/compose.hpp"

namespace pillion::server {

namespace trace = upstream::trace;

Explainer::TracedRequest::TracedRequest(Explainer& owner, const ExplainedQuestion& question, Done done)
    : owner_(owner), done_(std::move(done)), trace_of_it_(owner.schedule_.clock().now()) {
  const auto flags = dns::flag::rd | (question.checking_disabled ? dns::flag::cd : 0);
  dns::append_query(query_, 0, static_cast<std::uint16_t>(flags), question.name, question.type, dns::klass::in);
  dns::OptWriter(query_, 0,
                 {.present = true,
                  .udp_payload = owner.udp_payload_,
                  .extended_rcode = 0,
                  .version = 0,
                  .dnssec_ok = question.dnssec_ok,
                  .options = {}});
  trace_by(this);
}

/// The query, which is valid because Pillion made it.
dns::QueryView Explainer::TracedRequest::view() const {
  return dns::parse_query(query_, {.reject_non_utf8_names = false}).value();
}

void Explainer::TracedRequest::ask() {
  const auto query = view();
  const auto found = owner_.resolver_.look(query);
  owner_.resolver_.explain(query, found, trace());
  if (found.answer) return answered(*found.answer);
  owner_.resolver_.ask(query, found.miss, *this);
}

void Explainer::TracedRequest::note(const trace::What& what, std::string_view step) {
  trace_of_it_.add(owner_.schedule_.clock().now(), what, step);
}

void Explainer::TracedRequest::answered(const resolve::Answer& answer) {
  trace::note(trace(), [&] { return trace::answered(answer); });
  Explanation explanation{.trace = std::move(trace_of_it_), .answer = {}};
  const auto compose = [&] {
    compose_answer(answer, view(), {.udp_payload = owner_.udp_payload_, .keepalive = {}}, dns::max_message_size,
                   explanation.answer);
  };
  owner_.schedule_.contain("explanation", compose, [&] { explanation.answer.clear(); });
  const auto done = std::move(done_);
  owner_.end(*this);
  done(std::move(explanation));
}

bool Explainer::explain(const ExplainedQuestion& question, Done done) {
  if (under_way_.size() >= max_under_way) return false;
  auto& request = under_way_.emplace_back(*this, question, std::move(done));
  schedule_.contain("explanation", [&] { request.ask(); }, [&] { request.answered(resolve::internal_error); });
  return true;
}

void Explainer::end(const TracedRequest& request) {
  under_way_.remove_if([&](const TracedRequest& each) { return &each == &request; });
}

}  // namespace pillion::server
