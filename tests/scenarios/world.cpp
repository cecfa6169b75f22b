#include "scenarios/world.hpp"

#include <algorithm>
#include <utility>

#include "resolve/trace_events.hpp"
#include "server/compose.hpp"
#include "upstream/trace_text.hpp"

namespace pillion::scenarios {
namespace {

constexpr std::uint16_t our_payload = 1232;
constexpr std::size_t udp_without_edns = 512;  // RFC 1035 2.3.4

}  // namespace

void FakeGroup::resolve(const dns::QueryView& query, resolve::Request& request) {
  const auto question = question_of(query);
  auto& asked =
      asked_.emplace_back(Asked{.text = to_text(question), .question = question, .request = &request, .seen = false});
  if (hide_probe(asked.text) != asked.text) last_probe_ = question.name.substr(0, question.name.find('.'));
  const auto prepared_for_it = std::ranges::find(prepared, asked.text, &Prepared::question);
  if (prepared_for_it == prepared.end()) return;
  const auto outcome = std::move(prepared_for_it->outcome);
  prepared.erase(prepared_for_it);
  deliver(asked, outcome);
}

bool FakeGroup::see(const std::string& question) {
  const auto found = std::ranges::find_if(
      asked_, [&](const Asked& asked) { return !asked.seen && hide_probe(asked.text) == question; });
  if (found == asked_.end()) return false;
  found->seen = true;
  return true;
}

bool FakeGroup::answer(const Question& question, const Outcome& outcome) {
  const auto text = to_text(question);
  const auto found = std::ranges::find_if(asked_, [&](const Asked& asked) {
    return asked.seen && asked.request != nullptr && hide_probe(asked.text) == text;
  });
  if (found == asked_.end()) return false;
  deliver(*found, outcome);
  return true;
}

void FakeGroup::deliver(Asked& asked, const Outcome& outcome) const {
  auto& request = *std::exchange(asked.request, nullptr);
  const auto source = encrypted_ ? resolve::Source::upstream : resolve::Source::cluster;
  if (outcome.is_failure) {
    const auto& error = outcome.reply.errors.at(0);
    return request.answered({.source = source, .info_code = error.info_code, .text = error.text});
  }
  const auto message = reply_message(asked.question, outcome.reply);
  request.answered({.source = source,
                    .message = dns::MessageView::parse(message).value(),
                    .rcode = outcome.reply.rcode,
                    .text = {}});
}

bool FakeGroup::has_waiting() const {
  return std::ranges::any_of(asked_, [](const Asked& asked) { return asked.request != nullptr; });
}

void FakeGroup::forget_answered() {
  std::erase_if(asked_, [](const Asked& asked) { return asked.seen && asked.request == nullptr; });
}

std::vector<std::string> FakeGroup::unseen() const {
  std::vector<std::string> all;
  for (const auto& asked : asked_) {
    if (!asked.seen) all.push_back(hide_probe(asked.text));
  }
  return all;
}

void Client::ask(resolve::Resolver& resolver, const Question& question, const QueryOptions& options) {
  query_ = query_message(question, options);
  limit_ = dns::max_message_size;
  if (options.is_udp) limit_ = options.payload ? std::min(*options.payload, our_payload) : udp_without_edns;
  ++asked_;
  const auto view = dns::parse_query(query_, {}).value();
  trace_lines_.clear();
  const auto found = resolver.look(view);
  resolver.explain(view, found, trace());
  if (found.answer) return answered(*found.answer);
  resolver.ask(view, found.miss, *this);
}

void Client::answered(const resolve::Answer& answer) {
  ++answered_;
  unseen_ = true;
  upstream::trace::note(trace(), [&] { return upstream::trace::answered(answer); });
  source_ = resolve::source_labels[answer.source];
  answer_.clear();
  server::compose_answer(answer, dns::parse_query(query_, {}).value(), {.udp_payload = our_payload, .keepalive = {}},
                         limit_, answer_);
}

void Client::note(const upstream::trace::What& what, std::string_view step) {
  trace_lines_.push_back((step.empty() ? "" : "[" + std::string(step) + "] ") + upstream::trace::line_of(what));
}

bool Client::skip_to(std::string_view text) {
  const auto found =
      std::ranges::find_if(trace_lines_, [&](const std::string& line) { return line.find(text) != std::string::npos; });
  if (found == trace_lines_.end()) return false;
  trace_lines_.erase(trace_lines_.begin(), found + 1);
  return true;
}

std::string Client::rest_of_trace() const {
  std::string text;
  for (const auto& line : trace_lines_) text += "\n  " + line;
  return text.empty() ? "\n  nothing more" : text;
}

std::string Client::take_answer() {
  unseen_ = false;
  return answer_text();
}

std::string Client::answer_text() const {
  const auto view = dns::MessageView::parse(answer_);
  return view ? to_text(*view, source_) : "a message that is malformed: " + std::string(to_string(view.error()));
}

std::string Client::bad_manners() const {
  if (answered_ > asked_) return "was answered twice";
  const auto query = dns::parse_query(query_, {}).value();
  const auto answer = dns::MessageView::parse(answer_);
  if (!answer) return {};
  const auto asked = query.message.header();
  const auto header = answer->header();
  if (header.id() != asked.id()) return "got another id than its own (RFC 1035 4.1.1)";
  if (!header.is_response() || header.opcode() != dns::opcode::query) return "got no response (RFC 1035 4.1.1)";
  if (answer_.size() > limit_) return "got more bytes than it can take (RFC 6891 6.2.3)";
  if (answer->is_signed()) return {};  // only the client and the owner of the key can verify it
  constexpr std::uint16_t copied = dns::flag::rd | dns::flag::cd;
  if ((header.flags() & copied) != (asked.flags() & copied)) return "got RD or CD changed (RFC 1035 4.1.1)";
  if ((header.flags() & dns::flag::ra) == 0) return "got no RA (RFC 1035 4.1.1)";
  const auto question = [](const dns::MessageView& message) {
    return message.bytes().subspan(dns::header_size, message.question_end() - dns::header_size);
  };
  if (!std::ranges::equal(question(*answer), question(query.message)))
    return "got another question than its own, letter by letter (RFC 4343 4.1)";
  const auto edns = dns::read_edns(*answer);
  if (edns.present != query.edns.present) return "got EDNS without asking, or none (RFC 6891 7)";
  if (!edns.present) return {};
  if (edns.version != 0 || edns.udp_payload != our_payload) return "got an EDNS that is not ours (RFC 6891 6.1)";
  if (edns.dnssec_ok != query.edns.dnssec_ok) return "got DO changed (RFC 3225 3)";
  return {};
}

std::string hide_probe(const std::string& question) {
  constexpr std::size_t label_size = 16;
  const auto dot = question.find_first_of(". ");
  const bool is_hex = question.substr(0, dot).find_first_not_of("0123456789abcdef") == std::string::npos;
  if (dot != label_size || !is_hex) return question;
  return "<probe>" + question.substr(dot);
}

}  // namespace pillion::scenarios
