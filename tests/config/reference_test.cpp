// The reference in deploy/CONFIGURATION.md, the key table and the reader agree: on every key, its default, its range
// and an example.

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/pem.hpp"
#include "config/temporary_file.hpp"

namespace pillion::config {
namespace {

using namespace std::string_literals;

struct Row {
  std::string key;
  std::string default_text;
  std::string range;
  std::string example;
};

/// The cells of a line of a table, without the spaces around them.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t start = 1, end = 0; (end = line.find('|', start)) != std::string::npos; start = end + 1) {
    const auto first = std::min(line.find_first_not_of(' ', start), end);
    const auto last = line.find_last_not_of(' ', end - 1);
    cells.push_back(first == end ? ""s : line.substr(first, last - first + 1));
  }
  return cells;
}

/// `text` without the backquotes around it.
std::string without_backquotes(const std::string& text) {
  const bool quoted = text.size() > 2 && text.front() == '`' && text.back() == '`';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// The rows of all tables between the markers of deploy/CONFIGURATION.md.
std::vector<Row> read_reference() {
  constexpr auto marker = "<!-- configuration reference -->";
  std::ifstream file(PILLION_SOURCE_DIR "/deploy/CONFIGURATION.md");
  std::vector<Row> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == marker) inside = !inside;
    if (!inside || !line.starts_with("| `")) continue;
    const auto cells = cells_of(line);
    if (cells.size() < 4) continue;
    rows.push_back({.key = without_backquotes(cells[0]),
                    .default_text = cells[1],
                    .range = cells[2],
                    .example = without_backquotes(cells[3])});
  }
  return rows;
}

/// The keys that have a value.
std::vector<KeySpec> value_keys() {
  std::vector<KeySpec> values;
  std::ranges::copy_if(keys(), std::back_inserter(values),
                       [](const KeySpec& known) { return known.kind != KeyKind::mapping; });
  return values;
}

/// A document that is valid except possibly for the key at `path`, which is `value` in YAML.
std::string document_with(const std::string& path, const std::string& value) {
  const auto upstream = "upstreams.NAME."s;
  const auto server = upstream + "servers[].";
  const auto name = path.substr(path.rfind('.') + 1);
  const auto in_upstream = [](const std::string& body) { return "upstreams: {NAME: {" + body + "}}"; };
  const auto one_server = R"(servers: [{address: "192.0.2.1:853"}])"s;
  if (path == server + "address") return in_upstream("servers: [{address: " + value + "}]");
  if (path.starts_with(server))
    return in_upstream(R"(servers: [{address: "192.0.2.1:853", )" + name + ": " + value + "}]");
  if (path == upstream + "servers") return in_upstream("servers: " + value);
  if (path == upstream + "tls.client_cert")
    return in_upstream(one_server + ", tls: {client_key: " + value + ", client_cert: " + value + "}");
  if (path == upstream + "tls.client_key")
    return in_upstream(one_server + ", tls: {client_cert: " + value + ", client_key: " + value + "}");
  if (path.starts_with(upstream + "tls.")) return in_upstream(one_server + ", tls: {" + name + ": " + value + "}");
  if (path.starts_with(upstream)) return in_upstream(one_server + ", " + name + ": " + value);
  if (path == "routes[].zone") return "routes: [{upstream: public, zone: " + value + "}]";
  if (path == "routes[].network") return "routes: [{upstream: public, network: " + value + "}]";
  if (path == "routes[].records") return "routes: [{zone: example.org, records: " + value + "}]";
  if (path == "cache.min_ttl") return "cache: {max_ttl: 720h, min_ttl: " + value + "}";
  if (path == "drain_min") return "{drain_timeout: 1h, drain_min: " + value + "}";
  if (path == "routes") {
    // The upstreams that the examples name, each with a route.
    const auto cluster = value.find("upstream: cluster") == std::string::npos
                             ? ""s
                             : R"(, cluster: {protocol: udp, servers: [{address: "192.0.2.2:53"}]})"s;
    return R"(upstreams: {public: {protocol: tcp, servers: [{address: "192.0.2.1:53"}]})" + cluster +
           "}\nroutes: " + value;
  }
  if (path == "routes[].upstream") return R"(routes: [{zone: ".", upstream: )" + value + "}]";
  const auto dot = path.find('.');
  return dot == std::string::npos ? path + ": " + value : path.substr(0, dot) + ": {" + name + ": " + value + "}";
}

/// The faults that the reader finds in this value; empty if it accepts it.
std::string faults_of(const KeySpec& known, const std::string& value) {
  const auto yaml = document_with(std::string(known.path), value);
  try {
    static_cast<void>(parse_config(yaml, "f.yaml"));
    return {};
  } catch (const ConfigError& error) {
    return yaml + "\n" + error.what();
  }
}

/// The value on one line, in a canonical form.
std::string dump(YAML::Node node) {
  node.SetStyle(YAML::EmitterStyle::Flow);
  return YAML::Dump(node);
}

/// The value at `path` of the YAML that `pillion check` would print, `NAME` being the upstream's name.
std::string effective_value(const std::string& path) {
  const bool of_upstream = path.starts_with("upstreams.");
  auto config =
      of_upstream ? parse_config(document_with("upstreams.NAME.padding", "128"), "f.yaml").config : default_config();
  // If the search list is off, it is printed without its keys.
  if (path == "search.ndots") config.search.domains = {"a.example"};
  auto node = YAML::Load(to_yaml(config, false));
  for (std::size_t start = 0; start <= path.size();) {
    const auto end = std::min(path.find('.', start), path.size());
    const auto name = path.substr(start, end - start);
    // An assignment to a node changes it for all handles. reset() only changes this handle.
    if (name.ends_with("[]")) {
      node.reset(node[name.substr(0, name.size() - 2)][0]);
    } else {
      node.reset(node[name]);
    }
    start = end + 1;
  }
  return dump(node);
}

TEST(Reference, HasARowForEveryKeyInOrder) {
  std::vector<std::string> documented;
  for (const auto& row : read_reference()) documented.push_back(row.key);
  std::vector<std::string> known;
  for (const auto& each : value_keys()) known.emplace_back(each.path);
  EXPECT_EQ(documented, known);
}

TEST(Reference, GivesTheDefaultsAndRangesOfTheKeyTable) {
  for (const auto& row : read_reference()) {
    if (std::ranges::find(keys(), row.key, &KeySpec::path) == keys().end()) continue;  // as the test above requires
    const auto& known = key(row.key);
    const auto expected = known.optional               ? "none"s
                          : known.default_text.empty() ? "required"s
                                                       : "`" + std::string(known.default_text) + "`";
    EXPECT_EQ(row.default_text, expected) << row.key;
    EXPECT_EQ(row.range, allowed_text(known)) << row.key;
  }
}

TEST(Reference, GivesExamplesThatTheReaderTakes) {
  const TemporaryFile file(pem_of_everything());
  for (const auto& row : read_reference()) {
    if (std::ranges::find(keys(), row.key, &KeySpec::path) == keys().end()) continue;
    const auto& known = key(row.key);
    // The files that the examples name do not exist on every machine.
    const bool names_a_file = known.description.starts_with("the path of a readable");
    if (names_a_file) {
      EXPECT_TRUE(row.example.starts_with('/')) << row.key;
    }
    EXPECT_EQ(faults_of(known, names_a_file ? file.path() : row.example), "");
  }
}

/// The blocks of YAML in deploy/CONFIGURATION.md: whole documents, which people copy.
std::vector<std::string> read_yaml_blocks() {
  std::ifstream file(PILLION_SOURCE_DIR "/deploy/CONFIGURATION.md");
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) {
      inside = line == "```yaml";
      if (inside) blocks.emplace_back();
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

TEST(Reference, ShowsDocumentsThatTheReaderTakes) {
  const auto blocks = read_yaml_blocks();
  EXPECT_FALSE(blocks.empty());
  for (const auto& yaml : blocks) EXPECT_NO_THROW(static_cast<void>(parse_config(yaml, "CONFIGURATION.md"))) << yaml;
}

TEST(KeyTable, HasTheDefaultsOfTheCode) {
  for (const auto& known : value_keys()) {
    if (known.default_text.empty()) continue;
    if (known.path == "search.domains") {
      EXPECT_EQ(known.default_text, "[]");
      EXPECT_TRUE(default_config().search.domains.empty());
      continue;
    }
    EXPECT_EQ(effective_value(std::string(known.path)), dump(YAML::Load(std::string(known.default_text))))
        << known.path;
  }
}

TEST(KeyTable, HasTheRangesThatTheReaderEnforces) {
  for (const auto& known : value_keys()) {
    const bool is_time = known.kind == KeyKind::duration || known.kind == KeyKind::seconds;
    if (!is_time && known.kind != KeyKind::integer && known.kind != KeyKind::size) continue;
    const std::string unit = is_time ? "ms" : known.kind == KeyKind::size ? "B" : "";
    const auto step = known.kind == KeyKind::seconds ? 1'000 : 1;
    for (const auto inside : {known.min, known.max}) EXPECT_EQ(faults_of(known, std::to_string(inside) + unit), "");
    for (const auto outside : {known.min - step, known.max + step}) {
      EXPECT_NE(faults_of(known, std::to_string(outside) + unit), "") << known.path << " " << outside;
    }
  }
}

TEST(KeyTable, HasTheChoicesThatTheReaderTakes) {
  for (const auto& known : value_keys()) {
    if (known.kind == KeyKind::choice) {
      for (const auto word : known.choices) EXPECT_EQ(faults_of(known, std::string(word)), "");
      EXPECT_NE(faults_of(known, "another"), "");
    } else if (known.kind == KeyKind::boolean) {
      EXPECT_EQ(faults_of(known, "true"), "");
      EXPECT_EQ(faults_of(known, "false"), "");
      EXPECT_NE(faults_of(known, "1"), "");
    }
  }
}

TEST(KeyTable, HasTheNumbersOfElementsThatTheReaderTakes) {
  constexpr std::array<std::string_view, 9> groups{"X25519",    "X448",      "P-256",     "P-384",    "P-521",
                                                   "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144"};
  const auto list_of = [&](std::string_view path, std::int64_t count) {
    std::string list;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto port = std::to_string(1000 + i);
      if (path == "dns.listen") list += "\"127.0.0.1:" + port + "\", ";
      if (path == "upstreams.NAME.servers") list += "{address: \"192.0.2.1:" + port + "\"}, ";
      if (path == "upstreams.NAME.servers[].pins") list += "\"sha256/" + std::string(43, 'A') + "=\", ";
      if (path == "upstreams.NAME.tls.groups") list += std::string(groups.at(static_cast<std::size_t>(i))) + ", ";
      if (path == "routes") list += "{zone: z" + port + ", upstream: public}, ";
      if (path == "routes[].records") list += "h" + port + " A 192.0.2.1, ";
      if (path == "query_log.fields") {
        const auto field = static_cast<std::size_t>(i);
        list += field < query_log_field_words.size() ? query_log_field_words[field] : "another";
        list += ", ";
      }
      if (path == "search.domains") list += "d" + port + ".example, ";
    }
    return "[" + list + "]";
  };
  for (const auto& known : value_keys()) {
    if (known.kind != KeyKind::list) continue;
    EXPECT_EQ(faults_of(known, list_of(known.path, known.min)), "");
    EXPECT_EQ(faults_of(known, list_of(known.path, known.max)), "");
    EXPECT_NE(faults_of(known, list_of(known.path, known.max + 1)), "") << known.path;
    if (known.min > 0) {
      EXPECT_NE(faults_of(known, list_of(known.path, known.min - 1)), "") << known.path;
    }
  }
}

}  // namespace
}  // namespace pillion::config
