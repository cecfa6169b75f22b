#include "config/query_log_reader.hpp"

#include <algorithm>
#include <string>

#include "config/read_file.hpp"
#include "config/scalar.hpp"
#include "config/sink_address.hpp"

namespace pillion::config {
namespace {

std::string check_log_output(const std::string& written, const SyslogSettings& syslog) {
  if (written.empty() || written == "stderr") return {};
  if (written == "syslog") return syslog.output.empty() ? "`syslog` also needs syslog.output" : "";
  return check_sink_address(written, {SinkKind::file, SinkKind::unix_socket});
}

std::string check_key_file(const std::string& path) {
  if (path.empty()) return {};
  const auto key = read_file(path, max_key_size);
  if (!key) return in_quotes(path) + " cannot be read: " + key.error();
  if (key->size() > max_key_size) return in_quotes(path) + " is longer than 65536 bytes";
  if (key->size() < min_key_size) return in_quotes(path) + " is shorter than 16 bytes";
  return {};
}

void read_fields(const Section& section, std::vector<QueryLogField>& fields) {
  const std::string allowed(section.key_of("fields").description);
  if (section.find("fields") != nullptr) fields.clear();
  for (const auto& element : section.elements("fields")) {
    const auto text = read_text(element, element.name, allowed, section.faults());
    if (!text) continue;
    const auto refuse = [&](const std::string& problem) {
      section.faults().add(value_mark(element), element.name, problem, allowed);
    };
    const auto found = std::ranges::find(query_log_field_words, *text);
    const auto field = static_cast<QueryLogField>(found - query_log_field_words.begin());
    if (found == query_log_field_words.end()) {
      refuse(in_quotes(*text) + " is not a field of the query log");
    } else if (std::ranges::find(fields, field) != fields.end()) {
      refuse(in_quotes(*text) + " is given twice");
    } else {
      fields.push_back(field);
    }
  }
}

}  // namespace

void read_query_log(const Section& top, const SyslogSettings& syslog, QueryLogSettings& settings) {
  const auto* const entry = top.find("query_log");
  if (entry == nullptr) return;
  const Section section(*entry, "query_log", "query_log", top.faults());
  section.read("output", settings.output,
               [&](const std::string& written) { return check_log_output(written, syslog); });
  read_fields(section, settings.fields);
  section.read_fraction("sample", settings.sample);
  section.read("names", settings.names);
  section.read("key_file", settings.key_file, check_key_file);
}

}  // namespace pillion::config
