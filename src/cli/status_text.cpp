#include "cli/status_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value_to.hpp>
#include <spdlog/fmt/fmt.h>

#include "dns/utf8.hpp"

namespace pillion::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t indent = 11;

std::string_view text_of(const json::value& value) {
  return value.is_null() ? std::string_view{} : std::string_view(value.as_string().data(), value.as_string().size());
}

double number_of(const json::value& value) {
  return value.is_null() ? 0 : json::value_to<double>(value);
}

std::uint64_t count_of(const json::value& value) {
  return json::value_to<std::uint64_t>(value);
}

/// Appends words and breaks lines that would be too long. A word that is longer than a line has a line of its own.
void append_wrapped(std::string& out, std::string_view head, std::string_view words) {
  std::string line(head);
  line.resize(std::max(line.size(), head.empty() ? 0 : indent), ' ');
  bool is_empty = true;
  while (!words.empty()) {
    const auto word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    if (!is_empty && dns::character_count(line) + 1 + dns::character_count(word) > status_columns) {
      out.append(line).append("\n");
      line.assign(head.empty() ? 0 : indent, ' ');
      is_empty = true;
    }
    if (!is_empty) line += ' ';
    line += word;
    is_empty = false;
  }
  out.append(line).append("\n");
}

/// "3 ms", "0.04 ms", "1.2 s"; "-" if unknown.
std::string duration_text(const json::value& seconds) {
  if (seconds.is_null()) return "-";
  const auto value = number_of(seconds);
  if (value >= 1) return fmt::format("{:.1f} s", value);
  return value >= 0.01 ? fmt::format("{:.0f} ms", value * 1000) : fmt::format("{:.2f} ms", value * 1000);
}

/// "42 s", "12 min", "3 h 5 min", "2 d 3 h".
std::string time_text(double seconds) {
  const auto minutes = static_cast<std::uint64_t>(seconds / 60);
  if (minutes == 0) return fmt::format("{:.0f} s", seconds);
  if (minutes < 60) return fmt::format("{} min", minutes);
  const auto hours = minutes / 60;
  if (hours < 24) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

std::string size_text(const json::value& bytes) {
  const auto value = number_of(bytes);
  if (value >= 1024 * 1024) return fmt::format("{:.1f} MiB", value / (1024 * 1024));
  return fmt::format("{:.1f} KiB", value / 1024);
}

std::string percent_text(double part) {
  return fmt::format("{:.0f} %", part * 100);
}

void append_queries(std::string& out, const json::object& status) {
  const auto& queries = status.at("queries").as_object();
  const auto answered = number_of(queries.at("answered"));
  std::string words =
      fmt::format("{} received, {} in flight", count_of(queries.at("received")), count_of(queries.at("in_flight")));
  std::string_view separator = "; answered from ";
  for (const auto& [source, count] : queries.at("by_source").as_object()) {
    if (number_of(count) == 0) continue;
    words += fmt::format("{}{} {}", separator, std::string_view(source.data(), source.size()),
                         percent_text(number_of(count) / answered));
    separator = ", ";
  }
  std::uint64_t rejected = 0;
  for (const auto& each : queries.at("rejected").as_object()) rejected += count_of(each.value());
  if (rejected > 0) words += fmt::format("; {} rejected", rejected);
  append_wrapped(out, "queries", words);

  words.clear();
  for (const auto& [source, latency] : status.at("latency").as_object()) {
    if (count_of(latency.at("count")) == 0) continue;
    words += fmt::format("{}{} {} (p99 {})", words.empty() ? "" : ", ", std::string_view(source.data(), source.size()),
                         duration_text(latency.at("p50_seconds")), duration_text(latency.at("p99_seconds")));
  }
  if (!words.empty()) append_wrapped(out, "latency", words);
}

void append_rest(std::string& out, const json::object& status) {
  const auto& cache = status.at("cache").as_object();
  append_wrapped(out, "cache",
                 !cache.at("enabled").as_bool()
                     ? std::string("off")
                     : fmt::format("{} answers, {} of {}, {} hits", count_of(cache.at("entries")),
                                   size_text(cache.at("bytes")), size_text(cache.at("limit_bytes")),
                                   cache.at("hit_ratio").is_null() ? std::string("no")
                                                                   : percent_text(number_of(cache.at("hit_ratio")))));
  const auto& clients = status.at("clients").as_object();
  append_wrapped(out, "clients",
                 fmt::format("{} connections of {}, {} known, {} banned", count_of(clients.at("connections")),
                             count_of(clients.at("connections_limit")), count_of(clients.at("tracked")),
                             count_of(clients.at("banned"))));
  const auto& memory = status.at("memory").as_object();
  append_wrapped(out, "memory",
                 fmt::format("{} of {}", size_text(memory.at("resident_bytes")), size_text(memory.at("limit_bytes"))));
  append_wrapped(out, "plaintext",
                 fmt::format("{} queries sent in the clear", count_of(status.at("queries").at("plaintext"))));
}

void append_server(std::string& out, std::string_view upstream, const json::object& server) {
  const auto& latency = server.at("latency").as_object();
  std::uint64_t responses = 0;
  for (const auto& each : server.at("responses").as_object()) responses += count_of(each.value());
  append_wrapped(out, upstream,
                 fmt::format("{} {}, {} {}, p50 {}, p99 {}", text_of(server.at("address")), text_of(server.at("state")),
                             responses, responses == 1 ? "reply" : "replies", duration_text(latency.at("p50_seconds")),
                             duration_text(latency.at("p99_seconds"))));
  constexpr std::string_view below = " ";
  if (const auto& handshake = server.at("last_handshake"); !handshake.is_null()) {
    append_wrapped(out, below,
                   fmt::format("{}{}, {} {} {}", text_of(handshake.at("verified_name")),
                               handshake.at("pin").is_null() ? "" : " (pinned)", text_of(handshake.at("version")),
                               text_of(handshake.at("group")), text_of(handshake.at("cipher"))));
    append_wrapped(out, below,
                   fmt::format("issued by {}, {} days left", text_of(handshake.at("issuer")),
                               json::value_to<std::int64_t>(handshake.at("days_left"))));
  }
  if (const auto& error = server.at("last_error"); !error.is_null()) {
    const auto detail = text_of(error.at("detail"));
    append_wrapped(out, below,
                   fmt::format("last error at {}: {}{}{}", text_of(error.at("at")), text_of(error.at("text")),
                               detail.empty() ? "" : ": ", detail));
  }
}

json::object attested_server(const json::object& server) {
  json::object object;
  for (const auto* const key : {"address", "tls_name", "state", "plaintext_queries"}) object[key] = server.at(key);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> facts = {{
      {"verified_name", "verified_name"},
      {"pin_matched", "pin"},
      {"subject", "subject"},
      {"issuer", "issuer"},
      {"not_after", "not_after"},
      {"tls_version", "version"},
      {"group", "group"},
      {"cipher", "cipher"},
      {"last_handshake", "at"},
      {"resumed", "resumed"},
  }};
  const auto& handshake = server.at("last_handshake");
  for (const auto& [name, key] : facts) object[name] = handshake.is_null() ? json::value(nullptr) : handshake.at(key);
  object["last_error"] = server.at("last_error");
  return object;
}

}  // namespace

std::string status_text(const json::object& status, const json::object& upstreams) {
  std::string out;
  for (const auto& finding : status.at("verdict").at("findings").as_array())
    append_wrapped(out, {}, text_of(finding.at("text")));
  const auto& build = status.at("build").as_object();
  out += "\n";
  append_wrapped(
      out, "pillion",
      fmt::format("{} ({}), {} for {}, configuration {}", text_of(build.at("version")), text_of(build.at("commit")),
                  text_of(status.at("state")), time_text(number_of(status.at("uptime_seconds"))),
                  text_of(status.at("config").at("hash"))));
  append_queries(out, status);
  append_rest(out, status);
  out += "\n";
  for (const auto& upstream : upstreams.at("upstreams").as_array()) {
    for (const auto& server : upstream.at("servers").as_array())
      append_server(out, text_of(upstream.at("name")), server.as_object());
  }
  return out;
}

json::object attestation(const json::object& status, const json::object& upstreams) {
  json::object object;
  for (const auto* const key : {"time", "started_at", "state", "verdict", "build", "config"})
    object[key] = status.at(key);
  object["plaintext_queries"] = status.at("queries").at("plaintext");
  json::array groups;
  for (const auto& upstream : upstreams.at("upstreams").as_array()) {
    json::object group;
    for (const auto* const key : {"name", "protocol", "zones"}) group[key] = upstream.at(key);
    json::array servers;
    for (const auto& server : upstream.at("servers").as_array()) servers.push_back(attested_server(server.as_object()));
    group["servers"] = std::move(servers);
    groups.push_back(std::move(group));
  }
  object["upstreams"] = std::move(groups);
  return object;
}

}  // namespace pillion::cli
