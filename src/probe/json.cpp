#include "probe/json.hpp"

#include <boost/json.hpp>
#include <spdlog/fmt/fmt.h>

#include "presentation/mnemonics.hpp"

namespace pillion::probe {
namespace {

namespace json = boost::json;

json::value milliseconds_or_null(const auto& duration) {
  return duration ? json::value(milliseconds(*duration)) : json::value(nullptr);
}

json::value or_null(const auto& value, auto convert) {
  return value ? json::value(convert(*value)) : json::value(nullptr);
}

json::object latency_object(const LatencyFigures& figures) {
  json::object object{{"queries", figures.asked}, {"unanswered", figures.unanswered}, {"refused", figures.refused}};
  const auto& latency = figures.latency;
  object["p50_ms"] = latency ? json::value(milliseconds(latency->p50)) : json::value(nullptr);
  object["p95_ms"] = latency ? json::value(milliseconds(latency->p95)) : json::value(nullptr);
  object["p99_ms"] = latency ? json::value(milliseconds(latency->p99)) : json::value(nullptr);
  return object;
}

json::array names_array(const std::vector<std::string>& names) {
  return json::array(names.begin(), names.end());
}

std::string time_text(std::chrono::system_clock::time_point time) {
  const auto since_midnight =
      std::chrono::floor<std::chrono::seconds>(time) - std::chrono::floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock(since_midnight);
  return fmt::format("{}T{:02}:{:02}:{:02}Z", date_text(time), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

json::value tls_value(const ProbeFigures& figures) {
  if (!figures.tls) return nullptr;
  const auto& tls = *figures.tls;
  json::array chain;
  for (const auto& certificate : tls.chain) {
    chain.push_back(json::object{{"subject", certificate.subject},
                                 {"issuer", certificate.issuer},
                                 {"names", names_array(certificate.names)},
                                 {"not_before", time_text(certificate.not_before)},
                                 {"not_after", time_text(certificate.not_after)},
                                 {"pin", certificate.pin}});
  }
  json::object object{{"full_handshake_ms", milliseconds_or_null(tls.full)},
                      {"resumed_handshake_ms", milliseconds_or_null(tls.resumed)},
                      {"resumes", tls.resumed.has_value()},
                      {"version", tls.version},
                      {"group", tls.group},
                      {"cipher", tls.cipher}};
  if (!chain.empty()) object["days_left"] = days_left(figures);
  object["chain"] = std::move(chain);
  return object;
}

json::object behaviour_object(const Behaviour& behaviour) {
  return {{"rcode", presentation::rcode_to_text(behaviour.rcode)},
          {"authentic", behaviour.is_authentic},
          {"truncated", behaviour.is_truncated},
          {"records", behaviour.records},
          {"size_bytes", behaviour.size}};
}

json::object pipeline_object(const PipelineFigures& figures) {
  const auto seconds = std::chrono::duration<double>(figures.took).count();
  json::object object{
      {"answered", figures.answered}, {"took_ms", milliseconds(figures.took)}, {"in_flight", figures.in_flight}};
  object["queries_per_second"] = seconds > 0 ? json::value(figures.answered / seconds) : json::value(nullptr);
  return object;
}

json::array findings_array(const std::vector<ProbeFinding>& findings) {
  json::array array;
  for (const auto& finding : findings) {
    array.push_back(json::object{{"severity", finding.severity == ProbeSeverity::failed ? "failed" : "warning"},
                                 {"text", finding.text}});
  }
  return array;
}

json::object extended_errors(const std::vector<std::uint16_t>& codes) {
  json::object object;
  for (const auto code : codes) object[std::to_string(code)] = presentation::extended_error_to_text(code);
  return object;
}

json::object server_object(const ProbedServer& server) {
  const auto& [target, figures, findings] = server;
  json::object object{{"upstream", target.upstream},
                      {"server", config::to_string(target.server.endpoint)},
                      {"protocol", config::to_string(target.protocol)},
                      {"tls_name", target.server.tls_name},
                      {"passed", !has_failed(findings)},
                      {"findings", findings_array(findings)}};
  object["error"] =
      figures.failure ? json::value(upstream::traits(figures.failure->error).reason) : json::value(nullptr);
  object["connect_ms"] = milliseconds_or_null(figures.connect);
  object["tls"] = tls_value(figures);
  object["hot"] = latency_object(figures.hot);
  object["cold"] = latency_object(figures.cold);
  object["pipelined"] = or_null(figures.pipelined, pipeline_object);
  object["in_flight"] = or_null(figures.in_flight, [](const InFlightFigures& in_flight) {
    return json::object{{"served_at_once", in_flight.served}, {"is_limit", in_flight.is_limit}};
  });
  object["out_of_order"] = or_null(figures.in_flight, [](const InFlightFigures& each) { return each.served > 1; });
  object["closes"] = figures.closes;
  object["edns"] = figures.has_edns;
  object["keepalive_ms"] = milliseconds_or_null(figures.keepalive);
  object["idle_closed_after_ms"] = figures.idle ? milliseconds_or_null(figures.idle->closed_after) : nullptr;
  object["idle_waited_ms"] = figures.idle ? json::value(milliseconds(figures.idle->waited)) : nullptr;
  object["padding_block_bytes"] = or_null(figures.padding, [](std::size_t block) { return block; });
  object["signed_name"] = or_null(figures.signed_name, behaviour_object);
  object["bogus_name"] = or_null(figures.bogus_name, behaviour_object);
  object["missing_name"] = or_null(figures.missing_name, behaviour_object);
  object["large_answer"] = or_null(figures.large_answer, behaviour_object);
  object["large_answer_over_tcp"] = or_null(figures.large_over_tcp, behaviour_object);
  object["extended_errors"] = extended_errors(figures.extended_errors);
  return object;
}

}  // namespace

std::string to_json(const std::vector<ProbedServer>& servers) {
  json::array array;
  for (const auto& server : servers) array.push_back(server_object(server));
  return json::serialize(json::object{{"servers", std::move(array)}}) + "\n";
}

}  // namespace pillion::probe
