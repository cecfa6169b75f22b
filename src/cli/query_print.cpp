#include "cli/query_print.hpp"

#include <ostream>

#include <boost/json.hpp>
#include <spdlog/fmt/fmt.h>

#include "cli/query_read.hpp"

namespace pillion::cli {
namespace {

namespace json = boost::json;

double milliseconds(std::chrono::microseconds elapsed) {
  return static_cast<double>(elapsed.count()) / 1000;
}

std::string_view transport_name(const ServerReply& reply) {
  if (reply.transport == QueryTransport::tls) return "tls";
  return reply.transport == QueryTransport::tcp ? "tcp" : "udp";
}

json::array json_section(const std::vector<RecordText>& records) {
  json::array array;
  for (const auto& record : records) {
    array.push_back(json::object{{"name", record.name},
                                 {"class", record.klass},
                                 {"type", record.type},
                                 {"ttl", record.ttl},
                                 {"data", record.data}});
  }
  return array;
}

json::array json_search(const std::vector<SearchStep>& steps) {
  json::array array;
  for (const auto& [name, status] : steps) array.push_back(json::object{{"name", name}, {"status", status}});
  return array;
}

json::object json_edns(const EdnsText& edns) {
  json::array errors;
  for (const auto& error : edns.extended_errors) {
    errors.push_back(json::object{{"code", error.code}, {"meaning", error.meaning}, {"text", error.text}});
  }
  return {{"version", edns.version},
          {"udp_payload", edns.udp_payload},
          {"dnssec_ok", edns.dnssec_ok},
          {"extended_errors", std::move(errors)}};
}

void print_edns(const EdnsText& edns, std::ostream& out) {
  out << fmt::format(";; EDNS: version {}, udp {}{}\n", edns.version, edns.udp_payload,
                     edns.dnssec_ok ? ", flags: do" : "");
  for (const auto& error : edns.extended_errors) {
    out << fmt::format(";; extended error {} ({}){}{}\n", error.code, error.meaning, error.text.empty() ? "" : ": ",
                       error.text);
  }
}

}  // namespace

void print_text(const ServerReply& reply, std::ostream& out) {
  const auto text = read_reply(reply);
  for (const auto& [name, status] : reply.search) out << fmt::format(";; search: {} {}\n", name, status);
  out << fmt::format(";; {}, id {}, flags: {}\n", text.status, text.id, fmt::join(text.flags, " "));
  if (text.edns) print_edns(*text.edns, out);
  if (text.question) {
    out << fmt::format(";; question\n;{}\t{}\t{}\n", text.question->name, text.question->klass, text.question->type);
  }
  for (std::size_t i = 0; i < text.sections.size(); ++i) {
    const auto& records = text.sections.at(i);
    if (records.empty()) continue;
    out << ";; " << section_names.at(i) << '\n';
    for (const auto& record : records) {
      out << fmt::format("{}\t{}\t{}\t{}\t{}\n", record.name, record.ttl, record.klass, record.type, record.data);
    }
  }
  if (!reply.tls.empty()) out << ";; " << reply.tls << '\n';
  out << fmt::format(";; {} over {} in {:.1f} ms, {} bytes\n", to_string(reply.server), transport_name(reply),
                     milliseconds(reply.elapsed), reply.message.size());
}

void print_json(const ServerReply& reply, std::ostream& out) {
  const auto text = read_reply(reply);
  json::object object{
      {"status", text.status}, {"id", text.id}, {"flags", json::array(text.flags.begin(), text.flags.end())}};
  if (text.question) {
    object["question"] =
        json::object{{"name", text.question->name}, {"class", text.question->klass}, {"type", text.question->type}};
  }
  for (std::size_t i = 0; i < text.sections.size(); ++i)
    object[section_names.at(i)] = json_section(text.sections.at(i));
  if (text.edns) object["edns"] = json_edns(*text.edns);
  object["server"] = to_string(reply.server);
  object["transport"] = transport_name(reply);
  if (!reply.tls.empty()) object["tls"] = reply.tls;
  if (!reply.search.empty()) object["search"] = json_search(reply.search);
  object["time_ms"] = milliseconds(reply.elapsed);
  object["size"] = reply.message.size();
  out << json::serialize(object) << '\n';
}

}  // namespace pillion::cli
