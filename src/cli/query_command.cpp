#include "cli/query_command.hpp"

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>

#include "cli/exit_code.hpp"
#include "cli/query_exchange.hpp"
#include "cli/query_print.hpp"
#include "cli/query_read.hpp"
#include "cli/running_proxy.hpp"
#include "config/scalar.hpp"
#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "dns/response.hpp"
#include "dns/text.hpp"
#include "runtime/random.hpp"

namespace pillion::cli {
namespace {

constexpr std::uint16_t udp_payload = 1232;  // bytes; what crosses every usual path unfragmented

dns::Buffer build_query(dns::Bytes name, std::uint16_t type, bool dnssec_ok) {
  dns::Buffer query;
  dns::append_query(query, runtime::Random{}.u16(), dns::flag::rd, name, type, dns::klass::in);
  // Always with EDNS, since only then a server may say more about an error (RFC 8914 section 3).
  const dns::OptWriter options(query, 0,
                               {.present = true, .udp_payload = udp_payload, .dnssec_ok = dnssec_ok, .options = {}});
  return query;
}

struct ServerToAsk {
  config::Endpoint address;
  std::string remark{};  ///< behind the reason for no answer: why it is this one
};

/// Where the proxy of this container listens, or would by default.
ServerToAsk running_server() {
  const auto proxy = find_running_proxy(std::nullopt);
  const auto addresses = proxy ? proxy->addresses() : std::unexpected(proxy.error());
  if (addresses && !addresses->dns.empty()) return {.address = addresses->dns.front()};
  return {.address = config::Dns{}.listen.front(), .remark = addresses ? "" : " (" + addresses.error() + ")"};
}

/// True if the reply has what was asked for: a record of the type, be it at the end of aliases.
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
                  "The server's address and port; by default where the running proxy listens, or else 127.0.0.1:8053")
      ->type_name("A:P");
  auto* const tcp = command_.add_flag("--tcp", tcp_, "Only over TCP");
  command_.add_flag("--udp", udp_, "Only over UDP: no second try over TCP where the answer is truncated")
      ->excludes(tcp);
  command_.add_flag("--json", json_, "Print one JSON object");
  command_.add_flag("--dnssec", dnssec_, "Ask for DNSSEC records (the DO bit)");
  command_.add_flag("--require-answer", require_answer_, "Exit 1 unless the answer has a record of TYPE, for tests");
  command_.footer(
      "Exits 0 on any answer, be it NXDOMAIN or SERVFAIL, and 1 where there is none within 5 s.\n\n"
      "Example:\n"
      "  pillion query example.com AAAA\n"
      "  pillion query example.com --server 192.0.2.53:53 --tcp");
}

int QueryCommand::run(std::ostream& out, std::ostream& err) const {
  const auto bad_command_line = [&](const std::string& problem) {
    err << "pillion: query: " << problem << "; see `pillion query --help`\n";
    return exit_code::bad_command_line;
  };
  const auto name = dns::parse_name(name_);
  if (!name) return bad_command_line(config::in_quotes(name_) + " is not a domain name: " + name.error());
  const auto type = dns::type_from_text(type_);
  if (!type) return bad_command_line(config::in_quotes(type_) + " is not a type");
  const auto given = server_.transform(config::parse_endpoint);
  if (given && !*given) return bad_command_line("--server: " + given->error());
  const auto server = given ? ServerToAsk{.address = **given} : running_server();

  const auto transport = tcp_ ? QueryTransport::tcp : udp_ ? QueryTransport::udp : QueryTransport::udp_then_tcp;
  const auto reply = exchange(server.address, build_query(*name, *type, dnssec_), transport);
  if (!reply) {
    err << "pillion: query: no answer from " << to_string(server.address) << ": " << reply.error() << server.remark
        << '\n';
    return exit_code::no_answer;
  }
  if (json_) {
    print_json(*reply, out);
  } else {
    print_text(*reply, out);
  }
  if (require_answer_ && !has_record(read_reply(*reply))) {
    err << "pillion: query: the answer of " << to_string(server.address) << " has no record of type "
        << dns::type_to_text(*type) << '\n';
    return exit_code::no_answer;
  }
  return exit_code::clean;
}

}  // namespace pillion::cli
