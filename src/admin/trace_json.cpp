#include "admin/trace_json.hpp"

#include <array>
#include <chrono>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "dns/ttl.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"
#include "upstream/trace_text.hpp"

namespace pillion::admin {

namespace json = boost::json;
namespace trace = upstream::trace;

namespace {

double milliseconds(runtime::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

json::value to_json(const trace::TraceValue& value) {
  return std::visit([](const auto& each) { return json::value_from(each); }, value);
}

json::object to_json(const trace::Event& event) {
  json::object object{
      {"at_ms", milliseconds(event.at)}, {"event", trace::kind_of(event.what)}, {"text", trace::line_of(event.what)}};
  if (!event.step.empty()) object["step"] = event.step;
  for (const auto& field : trace::fields_of(event.what)) object[field.key] = to_json(field.value);
  return object;
}

json::array records_of(const dns::MessageView& message) {
  constexpr std::array<std::string_view, 3> sections = {"answer", "authority", "additional"};
  const auto header = message.header();
  const std::size_t answers = header.answers();
  const std::size_t authorities = header.authorities();
  json::array array;
  std::size_t seen = 0;
  dns::for_each_record(message, [&](const dns::Record& record) {
    const std::size_t section = seen < answers ? 0 : seen < answers + authorities ? 1 : 2;
    ++seen;
    dns::Buffer owner;
    if (record.type == dns::type::opt || !dns::unpack_name(message.bytes(), record.owner, owner)) return;
    array.push_back(json::object{{"section", sections.at(section)},
                                 {"name", dns::to_text(owner)},
                                 {"ttl", dns::effective_ttl(record.ttl)},
                                 {"type", presentation::type_to_text(record.type)},
                                 {"data", presentation::rdata_to_text(message.bytes(), record)}});
  });
  return array;
}

/// Adds the answer that the last event describes.
void add_answer(const trace::Answered& answered, json::object& object) {
  object["rcode"] = presentation::rcode_to_text(answered.rcode);
  object["source"] = answered.source;
  json::array errors;
  for (const auto& error : answered.errors)
    errors.push_back(json::object{{"code", error.info_code}, {"text", error.text}});
  object["ede"] = std::move(errors);
}

}  // namespace

json::object to_json(const server::ExplainedQuestion& question, const server::Explanation& explanation) {
  json::object object{{"name", dns::to_text(question.name)}, {"type", presentation::type_to_text(question.type)}};
  const auto& events = explanation.trace.events();
  json::array array;
  for (const auto& event : events) {
    if (const auto* const answered = std::get_if<trace::Answered>(&event.what)) add_answer(*answered, object);
    array.push_back(to_json(event));
  }
  object["duration_ms"] = events.empty() ? 0 : milliseconds(events.back().at);
  const auto message = dns::MessageView::parse(explanation.answer);
  object["records"] = message ? records_of(*message) : json::array();
  object["trace"] = std::move(array);
  object["events_lost"] = explanation.trace.lost();
  return object;
}

}  // namespace pillion::admin
