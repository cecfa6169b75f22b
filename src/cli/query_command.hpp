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
    bool is_given = false;  ///< by the command line; else it is where the running proxy listens, or would
    dns::Buffer name;       ///< in wire form
    std::uint16_t type = 0;
  };

  /// Parses the command line. The error says what is wrong with it.
  [[nodiscard]] std::expected<Asked, std::string> read_command_line() const;
  [[nodiscard]] bool uses_tls() const { return tls_ || !tls_name_.empty() || !ca_file_.empty() || !pins_.empty(); }
  /// The name, or its walk.
  [[nodiscard]] std::expected<ServerReply, NoReply> ask(const Asked& asked) const;
  [[nodiscard]] std::expected<ServerReply, NoReply> ask(const Asked& asked, dns::Bytes name) const;
  /// Asks for the names of the search list in turn, as glibc does.
  [[nodiscard]] std::expected<ServerReply, NoReply> walk(const Asked& asked) const;
  /// Where no proxy runs, those whom the applications of this container ask are asked in its place, which `err` is
  /// told. False where there is nobody: `asked` has the reason then.
  [[nodiscard]] bool turn_to_name_server(Asked& asked, std::ostream& err) const;
  /// As libc chooses it. The error says why that file cannot be read.
  [[nodiscard]] std::expected<config::Endpoint, std::string> first_name_server() const;

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
