#include "cli/probe_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <expected>
#include <ostream>
#include <string_view>
#include <utility>

#include <CLI/Validators.hpp>

#include "cli/exit_code.hpp"
#include "cli/probe_targets.hpp"
#include "cli/progress_bar.hpp"
#include "config/scalar.hpp"
#include "dns/name.hpp"
#include "presentation/mnemonics.hpp"
#include "probe/choice.hpp"
#include "probe/json.hpp"
#include "probe/run.hpp"
#include "probe/table.hpp"
#include "telemetry/logger.hpp"

namespace pillion::cli {
namespace {

constexpr unsigned most_samples = 1'000;
constexpr unsigned most_queries = 10'000;
constexpr std::chrono::minutes longest_idle{10};

/// The command line, parsed.
struct ProbeRequest {
  config::Config config;
  std::vector<probe::ProbeTarget> targets;
  probe::ProbeNames names;
  probe::ProbeLimits limits;
};

std::expected<dns::Buffer, std::string> read_name(const char* option, const std::string& text) {
  auto name = dns::parse_name(text);
  if (name) return std::move(*name);
  return std::unexpected(std::string(option) + ": " + config::in_quotes(text) +
                         " is not a domain name: " + name.error());
}

/// A configuration whose upstream has the servers of the command line.
std::expected<config::Config, std::string> config_of(const std::vector<std::string>& servers,
                                                     const std::string& protocol, const std::string& ca_file) {
  auto config = config::default_config();
  auto& upstream = config.upstreams.front();
  upstream.protocol = protocol == "tls"   ? config::Protocol::tls
                      : protocol == "tcp" ? config::Protocol::tcp
                                          : config::Protocol::udp;
  if (!ca_file.empty()) upstream.tls.ca_file = ca_file;
  if (servers.empty()) return config;
  upstream.servers.clear();
  for (const auto& text : servers) {
    auto server = parse_server(text, upstream.protocol == config::Protocol::tls);
    if (!server) return std::unexpected(server.error());
    if (std::ranges::find(upstream.servers, server->endpoint, &config::Server::endpoint) != upstream.servers.end())
      return std::unexpected(config::in_quotes(text) + " is given twice");
    upstream.servers.push_back(std::move(*server));
  }
  return config;
}

/// False if the terminal says that it is a dumb one, as that of an editor or of a CI job is.
bool knows_escapes() {
  const char* const terminal = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): there is one thread
  return terminal == nullptr || std::string_view(terminal) != "dumb";
}

std::vector<probe::ProbedServer> probe_all(const ProbeRequest& request, std::ostream& err) {
  telemetry::Logger log({.level = runtime::LogLevel::error, .format = telemetry::LineFormat::text});
  ProgressBar bar(err, ::isatty(STDERR_FILENO) == 1 && knows_escapes());
  const auto& targets = request.targets;
  const auto show = [&](std::size_t index, std::string_view step, double part) {
    const auto done = (static_cast<double>(index) + part) / static_cast<double>(targets.size());
    const auto server = index < targets.size() ? config::to_string(targets[index].server.endpoint) + " " : "";
    bar.show(done, server + std::string(step));
  };
  auto figures = probe::measure_all(log, targets, request.names, request.limits, show);
  std::vector<probe::ProbedServer> servers;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto findings = probe::findings_of(targets[i], figures[i]);
    servers.push_back({.target = targets[i], .figures = std::move(figures[i]), .findings = std::move(findings)});
  }
  return probe::ranked(std::move(servers));
}

void say_failures(const std::vector<probe::ProbedServer>& servers, std::ostream& err) {
  for (const auto& server : servers) {
    if (!probe::has_failed(server.findings)) continue;
    err << "pillion: probe: " << config::to_string(server.target.server.endpoint)
        << " has failed: " << server.findings.front().text << '\n';
  }
}

}  // namespace

ProbeCommand::ProbeCommand(CLI::App& app)
    : command_(*app.add_subcommand("probe", "Measure upstream resolvers, and compare them")), config_(command_) {
  command_
      .add_option(
          "SERVER", servers_,
          "ADDR:PORT#TLS_NAME; without #TLS_NAME the certificate must have the address; default: the servers of the "
          "configuration")
      ->type_name("");
  command_.add_option("--protocol", protocol_, "The protocol of the servers on the command line")
      ->check(CLI::IsMember({"tls", "tcp", "udp"}))
      ->capture_default_str();
  command_.add_option("--ca", ca_file_, "PEM file of the CAs for the servers on the command line")->type_name("FILE");
  command_.add_option("--zone", zone_, "A zone; its name is asked for repeatedly, and random names below it once each")
      ->type_name("NAME")
      ->capture_default_str();
  command_.add_option("--bogus", bogus_, "A name with invalid DNSSEC signatures")
      ->type_name("NAME")
      ->capture_default_str();
  command_.add_option("--large", large_, "A name with a large answer")->type_name("NAME")->capture_default_str();
  command_.add_option("--large-type", large_type_, "The type of the large answer")
      ->type_name("TYPE")
      ->capture_default_str();
  samples_ = probe::ProbeLimits{}.samples;
  command_
      .add_option("--samples", samples_, "Queries that measure latencies, one after the other, for each kind of name")
      ->check(CLI::Range(1U, most_samples))
      ->capture_default_str();
  queries_ = probe::ProbeLimits{}.pipelined;
  command_.add_option("--queries", queries_, "Queries that measure how many the server answers in a second; 0: none")
      ->check(CLI::Range(0U, most_queries))
      ->capture_default_str();
  command_
      .add_option("--idle", idle_,
                  "How long to wait for the server to close an idle connection, at most 10m; 0s: not at all")
      ->type_name("TIME")
      ->capture_default_str();
  auto* const json = command_.add_flag("--json", json_, "Print all figures as one JSON object");
  command_.add_flag("--yaml", yaml_, "Print a configuration with the upstreams that follow from the measurement")
      ->excludes(json);
  command_.footer(
      "Measures one server after the other: handshakes, latencies, how many queries it answers in a second and works "
      "on\n"
      "at once, and how it behaves. Sends a server at most --queries + 2 * --samples + 900 queries,\n"
      "--samples + 800 of them for names that do not exist (usually a quarter of that), in at most 60 s.\n"
      "Exits 1 if a server fails.\n\n"
      "Example:\n"
      "  pillion probe 1.1.1.1:853#cloudflare-dns.com 9.9.9.9:853#dns.quad9.net\n"
      "  pillion probe --config /etc/pillion/pillion.yaml --yaml");
}

int ProbeCommand::run(std::ostream& out, std::ostream& err) const {
  const auto bad_command_line = [&](const std::string& problem) {
    err << "pillion: probe: " << problem << "; see `pillion probe --help`\n";
    return exit_code::bad_command_line;
  };
  if (!servers_.empty() && !config_.file().empty()) return bad_command_line("give servers or --config, not both");
  if (!config_.file().empty() && command_.count("--ca") + command_.count("--protocol") > 0)
    return bad_command_line("--ca and --protocol are for servers on the command line; --config has its own");
  const auto zone = read_name("--zone", zone_);
  auto bogus = read_name("--bogus", bogus_);
  auto large = read_name("--large", large_);
  const auto large_type = presentation::type_from_text(large_type_);
  const auto idle = config::parse_duration(idle_);
  if (!zone) return bad_command_line(zone.error());
  if (!bogus) return bad_command_line(bogus.error());
  if (!large) return bad_command_line(large.error());
  if (!large_type) return bad_command_line("--large-type: " + config::in_quotes(large_type_) + " is not a record type");
  if (!idle) return bad_command_line("--idle: " + idle.error());
  if (*idle > longest_idle)
    return bad_command_line("--idle: " + config::in_quotes(idle_) + " is too long; allowed: at most 10m");

  ProbeRequest request;
  try {
    auto config = config_.file().empty() ? config_of(servers_, protocol_, ca_file_)
                                         : std::expected<config::Config, std::string>(config_.load().config);
    if (!config) return bad_command_line(config.error());
    request.config = std::move(*config);
  } catch (const config::ConfigError& error) {
    err << error.what() << '\n';
    return exit_code::bad_configuration;
  }
  request.targets = targets_of(request.config, *zone, command_.count("--zone") > 0);
  request.names = {.bogus = std::move(*bogus), .large = std::move(*large), .large_type = *large_type};
  request.limits.samples = samples_;
  request.limits.pipelined = queries_;
  request.limits.idle = *idle;
  const auto servers = probe_all(request, err);
  const bool failed = std::ranges::any_of(servers, [](const auto& each) { return probe::has_failed(each.findings); });
  if (json_) {
    out << probe::to_json(servers);
  } else if (yaml_) {
    out << probe::chosen_yaml(request.config.upstreams, request.config.routes, servers);
  } else {
    out << probe::to_table(servers);
  }
  if (json_ || yaml_) say_failures(servers, err);
  return failed ? exit_code::failed_check : exit_code::clean;
}

}  // namespace pillion::cli
