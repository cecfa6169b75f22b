#include "cli/query_command.hpp"

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>

#include "cli/exit_code.hpp"
#include "cli/query_exchange.hpp"
#include "cli/query_over_tls.hpp"
#include "cli/query_print.hpp"
#include "cli/query_read.hpp"
#include "cli/running_proxy.hpp"
#include "cli/search_candidates.hpp"
#include "config/read_file.hpp"
#include "config/resolv_conf.hpp"
#include "config/scalar.hpp"
#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "dns/response.hpp"
#include "presentation/mnemonics.hpp"
#include "runtime/random.hpp"

namespace pillion::cli {
namespace {

constexpr std::uint16_t udp_payload = 1232;  // bytes; fits into one packet on every usual path

dns::Buffer build_query(dns::Bytes name, std::uint16_t type, bool dnssec_ok) {
  dns::Buffer query;
  dns::append_query(query, runtime::Random{}.u16(), dns::flag::rd, name, type, dns::klass::in);
  // Always with EDNS, since a server may explain an error only to a client with EDNS (RFC 8914 section 3).
  const dns::OptWriter options(query, 0,
                               {.present = true, .udp_payload = udp_payload, .dnssec_ok = dnssec_ok, .options = {}});
  return query;
}

/// The server of the proxy that runs in this container, or the default address.
ServerToAsk running_server() {
  const auto proxy = find_running_proxy(std::nullopt);
  const auto addresses = proxy ? proxy->addresses() : std::unexpected(proxy.error());
  if (addresses && !addresses->dns.empty()) return {.address = addresses->dns.front()};
  return {.address = config::Dns{}.listen.front(), .remark = addresses ? "" : " (" + addresses.error() + ")"};
}

/// The error names the file.
std::expected<config::ResolvConf, std::string> read_resolv_conf(const std::string& file) {
  constexpr std::size_t limit = std::size_t{64} << 10U;  // bytes
  const auto text = config::read_file_or_pipe(file, limit);
  if (!text) return std::unexpected(file + " cannot be read: " + text.error());
  return config::parse_resolv_conf(*text);
}

/// True if the reply has a record of the requested type, also at the end of aliases.
bool has_record(const ReplyText& reply) {
  return reply.status == "NOERROR" && reply.question &&
         std::ranges::any_of(reply.sections[0], [&](const auto& each) { return each.type == reply.question->type; });
}

}  // namespace

QueryCommand::QueryCommand(CLI::App& app)
    : command_(*app.add_subcommand("query", "Ask a server one question and print its answer")) {
  command_.add_option("NAME", name_, "The name to ask for, with or without its final dot")->required();
  command_.add_option("TYPE", type_, "The type: A, AAAA, TXT, ..., or TYPE65400")->capture_default_str();
  command_
      .add_option("--server", server_,
                  "The server's address and port; default: where the running proxy listens, or else 127.0.0.1:8053; if "
                  "nothing listens there, the first name server of --resolv-conf")
      ->type_name("A:P");
  auto* const tcp = command_.add_flag("--tcp", tcp_, "Use only TCP");
  auto* const udp =
      command_.add_flag("--udp", udp_, "Use only UDP: do not ask again over TCP if the answer is truncated");
  udp->excludes(tcp);
  command_
      .add_flag("--tls", tls_, "Use TLS (RFC 7858); without --tls-name the certificate must have the server's address")
      ->excludes(tcp)
      ->excludes(udp);
  command_.add_option("--tls-name", tls_name_, "Use TLS: the name that the server's certificate must have")
      ->type_name("NAME")
      ->excludes(tcp)
      ->excludes(udp);
  command_.add_option("--ca", ca_file_, "Use TLS: PEM file of the CAs that may have signed the certificate")
      ->type_name("FILE")
      ->excludes(tcp)
      ->excludes(udp);
  command_
      .add_option("--pin", pins_,
                  "Use TLS: sha256/ and the base64 of the digest of the server's key; of several pins, one must match")
      ->type_name("PIN")
      ->excludes(tcp)
      ->excludes(udp);
  command_.add_flag("--search", search_, "Walk the search list of a resolv.conf, as libc does");
  command_.add_option("--resolv-conf", resolv_conf_, "The file with the search list and the name servers")
      ->type_name("FILE")
      ->capture_default_str();
  command_.add_flag("--json", json_, "Print one JSON object");
  command_.add_flag("--dnssec", dnssec_, "Ask for DNSSEC records (the DO bit)");
  command_.add_flag("--require-answer", require_answer_, "Exit 1 if the answer has no record of TYPE, for tests");
  command_.footer(
      "Exits 0 with any answer, also NXDOMAIN or SERVFAIL, and 1 without an answer within 5 s.\n\n"
      "Example:\n"
      "  pillion query example.com AAAA\n"
      "  pillion query example.com --server 192.0.2.53:53 --tcp\n"
      "  pillion query example.com --server 1.1.1.1:853 --tls-name cloudflare-dns.com\n"
      "  pillion query shop --search");
}

std::expected<QueryCommand::Asked, std::string> QueryCommand::read_command_line() const {
  Asked asked;
  auto name = dns::parse_name(name_);
  if (!name) return std::unexpected(config::in_quotes(name_) + " is not a domain name: " + name.error());
  asked.name = std::move(*name);
  const auto type = presentation::type_from_text(type_);
  if (!type) return std::unexpected(config::in_quotes(type_) + " is not a record type");
  asked.type = *type;
  if (uses_tls() && !server_) return std::unexpected("TLS needs --server; the running proxy has no TLS");
  if (server_) {
    const auto given = config::parse_endpoint(*server_);
    if (!given) return std::unexpected("--server: " + given.error());
    if (given->port == 0) return std::unexpected("--server: " + config::in_quotes(*server_) + " has port 0");
    asked.server.endpoint = *given;
    asked.is_given = true;
  } else {
    auto running = running_server();
    asked.server.endpoint = std::move(running.address);
    asked.remark = std::move(running.remark);
  }
  if (!tls_name_.empty()) {
    if (const auto problem = config::check_tls_name(tls_name_); !problem.empty())
      return std::unexpected("--tls-name: " + problem);
  }
  asked.server.tls_name = tls_name_;
  for (const auto& pin : pins_) {
    if (const auto problem = config::check_pin(pin); !problem.empty()) return std::unexpected("--pin: " + problem);
  }
  asked.server.pins = pins_;
  return asked;
}

std::expected<ServerReply, NoReply> QueryCommand::ask(const Asked& asked, std::ostream& err) const {
  return search_ ? walk(asked, err) : ask(asked, asked.name);
}

std::expected<ServerReply, NoReply> QueryCommand::ask(const Asked& asked, dns::Bytes name) const {
  if (uses_tls()) return exchange_over_tls(asked.server, ca_file_, name, asked.type, dnssec_);
  const auto transport = tcp_ ? QueryTransport::tcp : udp_ ? QueryTransport::udp : QueryTransport::udp_then_tcp;
  return exchange(asked.server.endpoint, build_query(name, asked.type, dnssec_), transport);
}

std::expected<ServerToAsk, std::string> QueryCommand::first_name_server() const {
  const auto conf = read_resolv_conf(resolv_conf_);
  if (!conf) return std::unexpected(conf.error());
  if (!conf->name_servers.empty())
    return ServerToAsk{.address = conf->name_servers.front(), .remark = "the first name server of " + resolv_conf_};
  return ServerToAsk{.address = {"127.0.0.1", 53},  // resolv.conf(5)
                     .remark = "since " + resolv_conf_ + " has no name server whose address can be read"};
}

std::expected<ServerReply, NoReply> QueryCommand::walk(const Asked& asked, std::ostream& err) const {
  const auto conf = read_resolv_conf(resolv_conf_);
  if (!conf) return std::unexpected(NoReply{.reason = conf.error(), .was_asked = false});
  const auto candidates = search_candidates(asked.name, name_.ends_with('.'), conf->search);
  std::vector<SearchStep> steps;
  std::optional<ServerReply> without_data;
  std::expected<ServerReply, NoReply> reply =
      std::unexpected(NoReply{.reason = "the search list gives no name to ask for"});
  for (const auto& candidate : candidates) {
    reply = ask(asked, candidate);
    if (!reply) return reply;
    if (steps.empty()) {
      for (const auto& [line, reason] : conf->skipped)
        err << "pillion: query: " << resolv_conf_ << ':' << line << ": " << reason << "; skipped\n";
    }
    const auto answer = read_reply(*reply);
    const bool has_records = !answer.sections[0].empty();
    reply->search = steps;
    const auto verdict = verdict_on(answer.status, has_records);
    if (verdict != SearchVerdict::go_on) return reply;
    const bool is_without_data = answer.status == "NOERROR";
    if (is_without_data && !without_data) without_data = *reply;
    steps.push_back({.name = dns::to_text(candidate), .status = is_without_data ? "NODATA" : answer.status});
  }
  // An existing name without such a record says more than a name that does not exist.
  return without_data ? *std::move(without_data) : std::move(reply);
}

bool QueryCommand::turn_to_name_server(Asked& asked, std::ostream& err) const {
  const auto other = first_name_server();
  if (!other) {
    asked.remark += "; " + other.error();
    return false;
  }
  err << "pillion: query: nothing listens at " << to_string(asked.server.endpoint) << asked.remark << "; asking "
      << to_string(other->address) << ", " << other->remark << '\n';
  asked.server.endpoint = other->address;
  asked.remark.clear();
  return true;
}

int QueryCommand::run(std::ostream& out, std::ostream& err) const {
  auto asked = read_command_line();
  if (!asked) {
    err << "pillion: query: " << asked.error() << "; see `pillion query --help`\n";
    return exit_code::bad_command_line;
  }
  auto reply = ask(*asked, err);
  if (!reply && reply.error().is_refused && !asked->is_given && turn_to_name_server(*asked, err))
    reply = ask(*asked, err);
  const auto server = to_string(asked->server.endpoint);
  if (!reply) {
    const auto& [reason, is_refused, was_asked] = reply.error();
    err << "pillion: query: " << (was_asked ? "no answer from " + server + ": " : "") << reason
        << (was_asked ? asked->remark : "") << '\n';
    return exit_code::no_answer;
  }
  if (json_) {
    print_json(*reply, out);
  } else {
    print_text(*reply, out);
  }
  if (require_answer_ && !has_record(read_reply(*reply))) {
    err << "pillion: query: the answer of " << server << " has no record of type "
        << presentation::type_to_text(asked->type) << '\n';
    return exit_code::no_answer;
  }
  return exit_code::clean;
}

}  // namespace pillion::cli
