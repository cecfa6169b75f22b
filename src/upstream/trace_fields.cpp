// The events of a trace as fields for programs.

#include <utility>

#include "presentation/mnemonics.hpp"
#include "upstream/trace_text.hpp"
#include "upstream/trace_words.hpp"

namespace pillion::upstream::trace {
namespace {

using Fields = std::vector<TraceField>;

double milliseconds(runtime::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string word(auto value) {
  return std::string(to_word(value));
}

std::int64_t number(std::size_t value) {
  return static_cast<std::int64_t>(value);
}

std::string reason(Error error) {
  return std::string(traits(error).reason);
}

void add_errors(Fields& fields, const std::vector<SaidError>& errors) {
  std::vector<std::string> texts;
  texts.reserve(errors.size());
  for (const auto& each : errors)
    texts.push_back(std::to_string(each.info_code) + (each.text.empty() ? "" : " " + each.text));
  if (!texts.empty()) fields.emplace_back("ede", std::move(texts));
}

struct FieldWriter {
  Fields operator()(const Routed& event) const {
    return {{"zone", event.zone}, {"upstream", event.group}, {"encrypted", event.is_encrypted}};
  }
  Fields operator()(const AnsweredLocally& event) const {
    return {{"zone", event.zone}, {"special_use", event.is_special_use}};
  }
  Fields operator()(const LoopFound& /*event*/) const { return {}; }
  Fields operator()(const Withheld& /*event*/) const { return {}; }
  Fields operator()(const CacheLooked& event) const {
    Fields fields{{"state", word(event.state)}};
    if (!event.content) return fields;
    fields.emplace_back("content", word(*event.content));
    fields.emplace_back("name", event.name);
    fields.emplace_back("age_ms", milliseconds(event.age));
    fields.emplace_back("left_ms", milliseconds(event.left));
    return fields;
  }
  Fields operator()(const Joined& event) const { return {{"waiting", number(event.waiting)}}; }
  Fields operator()(const Asked& event) const { return {{"shared", event.is_shared}}; }
  Fields operator()(const StaleGiven& event) const { return {{"since", word(event.since)}}; }
  Fields operator()(const Kept& event) const {
    return {{"content", word(event.content)}, {"lifetime_ms", milliseconds(event.lifetime)}};
  }
  Fields operator()(const NotKept& event) const { return {{"reason", event.reason}}; }
  Fields operator()(const ServerChosen& event) const {
    std::vector<std::string> considered;
    for (const auto& each : event.considered) {
      auto text = each.server + " " + word(each.state);
      if (each.latency) text += " " + std::to_string(milliseconds(*each.latency)) + " ms";
      if (each.trouble) text += " " + reason(*each.trouble);
      considered.push_back(std::move(text));
    }
    return {{"server", event.server},
            {"cause", word(event.cause)},
            {"why", word(event.why)},
            {"considered", std::move(considered)}};
  }
  Fields operator()(const HedgeWithheld& event) const { return {{"server", event.server}}; }
  Fields operator()(const NotAsked& event) const {
    return {{"server", event.server}, {"reason", reason(event.error)}, {"detail", event.detail}};
  }
  Fields operator()(const Waits& event) const { return {{"server", event.server}, {"for", word(event.what)}}; }
  Fields operator()(const Sent& event) const {
    Fields fields{{"server", event.server},
                  {"protocol", std::string(event.protocol)},
                  {"reused", event.sent_before > 0},
                  {"sent_before", number(event.sent_before)},
                  {"in_flight", number(event.in_flight)},
                  {"connection_age_ms", milliseconds(event.age)}};
    if (!event.tls) return fields;
    const auto& tls = *event.tls;
    fields.emplace_back("tls_version", tls.version);
    fields.emplace_back("tls_group", tls.group);
    fields.emplace_back("tls_cipher", tls.cipher);
    fields.emplace_back("tls_resumed", tls.resumed);
    fields.emplace_back("tls_verified_name", tls.verified_name);
    fields.emplace_back("tls_handshake_ms", milliseconds(tls.handshake));
    return fields;
  }
  Fields operator()(const ConnectionEnded& event) const {
    return {{"server", event.server},
            {"reason", event.error ? reason(*event.error) : "closed"},
            {"detail", event.detail},
            {"sent_again", event.is_sent_again}};
  }
  Fields operator()(const GoesOverTcp& event) const { return {{"server", event.server}, {"since", word(event.since)}}; }
  Fields operator()(const SentAgain& event) const { return {{"server", event.server}}; }
  Fields operator()(const SentWithoutEdns& event) const { return {{"server", event.server}}; }
  Fields operator()(const Replied& event) const {
    Fields fields{{"server", event.server},           {"rcode", presentation::rcode_to_text(event.rcode)},
                  {"truncated", event.is_truncated},  {"usable", event.is_usable},
                  {"answers", number(event.answers)}, {"latency_ms", milliseconds(event.latency)}};
    add_errors(fields, event.errors);
    return fields;
  }
  Fields operator()(const Failed& event) const { return {{"server", event.server}, {"reason", reason(event.error)}}; }
  Fields operator()(const FellSilent& event) const { return {{"server", event.server}}; }
  Fields operator()(const GaveUp& event) const { return {{"budget_ms", milliseconds(event.budget)}}; }
  Fields operator()(const WalkBegan& event) const {
    return {{"base", event.base}, {"candidates", number(event.candidates)}};
  }
  Fields operator()(const StepEnded& event) const {
    return {{"name", event.name}, {"guard", event.is_guard}, {"finding", word(event.finding)}};
  }
  Fields operator()(const StepPassed& event) const { return {{"name", event.name}, {"denied", event.denied}}; }
  Fields operator()(const WalkEnded& event) const { return {{"name", event.name}, {"found", event.has_found}}; }
  Fields operator()(const Answered& event) const {
    Fields fields{{"source", std::string(event.source)},
                  {"rcode", presentation::rcode_to_text(event.rcode)},
                  {"answers", number(event.answers)},
                  {"truncated", event.is_truncated}};
    add_errors(fields, event.errors);
    return fields;
  }
};

struct EventName {
  std::string_view operator()(const Routed&) const { return "routed"; }
  std::string_view operator()(const AnsweredLocally&) const { return "answered_locally"; }
  std::string_view operator()(const LoopFound&) const { return "loop_found"; }
  std::string_view operator()(const Withheld&) const { return "withheld"; }
  std::string_view operator()(const CacheLooked&) const { return "cache"; }
  std::string_view operator()(const Joined&) const { return "joined"; }
  std::string_view operator()(const Asked&) const { return "asked"; }
  std::string_view operator()(const StaleGiven&) const { return "stale_given"; }
  std::string_view operator()(const Kept&) const { return "kept"; }
  std::string_view operator()(const NotKept&) const { return "not_kept"; }
  std::string_view operator()(const ServerChosen&) const { return "server_chosen"; }
  std::string_view operator()(const HedgeWithheld&) const { return "hedge_withheld"; }
  std::string_view operator()(const NotAsked&) const { return "not_asked"; }
  std::string_view operator()(const Waits&) const { return "waits"; }
  std::string_view operator()(const Sent&) const { return "sent"; }
  std::string_view operator()(const ConnectionEnded&) const { return "connection_ended"; }
  std::string_view operator()(const GoesOverTcp&) const { return "goes_over_tcp"; }
  std::string_view operator()(const SentAgain&) const { return "sent_again"; }
  std::string_view operator()(const SentWithoutEdns&) const { return "sent_without_edns"; }
  std::string_view operator()(const Replied&) const { return "replied"; }
  std::string_view operator()(const Failed&) const { return "failed"; }
  std::string_view operator()(const FellSilent&) const { return "fell_silent"; }
  std::string_view operator()(const GaveUp&) const { return "gave_up"; }
  std::string_view operator()(const WalkBegan&) const { return "walk_began"; }
  std::string_view operator()(const StepEnded&) const { return "step_ended"; }
  std::string_view operator()(const StepPassed&) const { return "step_passed"; }
  std::string_view operator()(const WalkEnded&) const { return "walk_ended"; }
  std::string_view operator()(const Answered&) const { return "answered"; }
};

}  // namespace

std::string_view kind_of(const What& what) {
  return std::visit(EventName{}, what);
}

std::vector<TraceField> fields_of(const What& what) {
  return std::visit(FieldWriter{}, what);
}

}  // namespace pillion::upstream::trace
