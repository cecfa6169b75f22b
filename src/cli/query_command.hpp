#pragma once
// `pillion query`: a small dig for images without a shell.

#include <expected>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "cli/query_exchange.hpp"

namespace pillion::cli {

/// A server that the command line does not name.
struct ServerToAsk {
  config::Endpoint address;
  std::string remark{};  ///< why this server is asked
};

class QueryCommand {
 public:
  explicit QueryCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  /// The server to ask, and the question.
  struct Asked {
    config::Server server;
    std::string remark;     ///< text after the reason for no answer: why this server was asked
    bool is_given = false;  ///< True if the command line names the server; else it is the running proxy's address or
                            ///< the default one
    dns::Buffer name;       ///< in wire form
    std::uint16_t type = 0;
  };

  /// Parses the command line. The error says what is wrong with it.
  [[nodiscard]] std::expected<Asked, std::string> read_command_line() const;
  [[nodiscard]] bool uses_tls() const { return tls_ || !tls_name_.empty() || !ca_file_.empty() || !pins_.empty(); }
  /// Asks for the name, or walks the search list with `--search`.
  [[nodiscard]] std::expected<ServerReply, NoReply> ask(const Asked& asked, std::ostream& err) const;
  [[nodiscard]] std::expected<ServerReply, NoReply> ask(const Asked& asked, dns::Bytes name) const;
  /// Asks for the names of the search list in turn, as glibc does. Writes what it skips of the file to `err`.
  [[nodiscard]] std::expected<ServerReply, NoReply> walk(const Asked& asked, std::ostream& err) const;
  /// If no proxy runs, changes `asked` to the first name server of resolv.conf and writes that to `err`. False if there
  /// is no such server; `asked.remark` then has the reason.
  [[nodiscard]] bool turn_to_name_server(Asked& asked, std::ostream& err) const;
  /// The first `nameserver` of resolv.conf, or 127.0.0.1 if there is none (resolv.conf(5)). The error says why the file
  /// cannot be read.
  [[nodiscard]] std::expected<ServerToAsk, std::string> first_name_server() const;

  CLI::App& command_;
  std::string name_;
  std::string type_ = "A";
  std::optional<std::string> server_;
  bool tcp_ = false;
  bool udp_ = false;
  bool tls_ = false;
  std::string tls_name_;
  std::string ca_file_;
  std::vector<std::string> pins_;
  bool search_ = false;
  std::string resolv_conf_ = "/etc/resolv.conf";
  bool json_ = false;
  bool dnssec_ = false;
  bool require_answer_ = false;
};

}  // namespace pillion::cli
