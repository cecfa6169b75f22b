#include "cli/cli.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <ostream>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <openssl/ssl.h>

#include "app/handover.hpp"
#include "app/supervisor.hpp"
#include "cli/check_command.hpp"
#include "cli/completion_command.hpp"
#include "cli/exit_code.hpp"
#include "cli/health_command.hpp"
#include "cli/inject_command.hpp"
#include "cli/probe_command.hpp"
#include "cli/query_command.hpp"
#include "cli/reload_command.hpp"
#include "cli/run_command.hpp"
#include "cli/status_command.hpp"
#include "cli/version_command.hpp"

namespace pillion::cli {
namespace {

/// The arguments in the order that CLI11 wants, the last one first. Adds `run` if they name no subcommand.
std::vector<std::string> reversed(std::span<const std::string> args) {
  std::vector<std::string> words(args.begin(), args.end());
  const bool asks_for_help = !words.empty() && (words.front() == "-h" || words.front() == "--help");
  if (!asks_for_help && (words.empty() || words.front().starts_with('-'))) words.insert(words.begin(), "run");
  std::ranges::reverse(words);
  return words;
}

/// Prints help to `out`. Every other exception of CLI11 means a bad command line.
int report(const CLI::App& app, const CLI::ParseError& error, std::ostream& out, std::ostream& err) {
  if (error.get_exit_code() == 0) {
    app.exit(error, out, err);
    return exit_code::clean;
  }
  const auto chosen = app.get_subcommands();
  const auto name = chosen.empty() ? std::string() : chosen.front()->get_name() + " ";
  err << "pillion: " << error.what() << "; see `pillion " << name << "--help`\n";
  return exit_code::bad_command_line;
}

/// The exit code of a command that has printed its result to `out`, as to a file on a full disk.
int delivered(int code, std::ostream& out, std::ostream& err) {
  if (out.flush()) return code;
  err << "pillion: standard output cannot be written\n";
  return std::max(code, exit_code::not_printed);
}

/// Only Pillion's configuration may say what TLS does, not a file that OPENSSL_CONF names, or Debian's. This must be
/// the first call of OpenSSL. Throws std::runtime_error.
void initialise_openssl() {
  if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot be initialised");
}

}  // namespace

int main(std::span<const std::string> args, std::ostream& out, std::ostream& err) {
  CLI::App app("Answers DNS on this machine and asks resolvers over DNS over TLS.", "pillion");
  app.footer(
      "`pillion` alone is `pillion run`. `pillion SUBCOMMAND --help` describes a subcommand.\n\n"
      "Example:\n"
      "  pillion check --config pillion.yaml && pillion run --config pillion.yaml");
  app.require_subcommand(0, 1);
  const RunCommand run(app);
  const CheckCommand check(app);
  const QueryCommand query(app);
  const ProbeCommand probe(app);
  const HealthCommand health(app);
  const ReloadCommand reload(app);
  const StatusCommand status(app);
  const InjectCommand inject(app);
  const UninjectCommand uninject(app);
  const VersionCommand version(app);
  const CompletionCommand completion(app);

  const auto run_chosen = [&] {
    if (completion.is_chosen()) return completion.run(out);
    initialise_openssl();
    if (check.is_chosen()) return check.run(out, err);
    if (query.is_chosen()) return query.run(out, err);
    if (probe.is_chosen()) return probe.run(out, err);
    if (reload.is_chosen()) return reload.run(out, err);
    if (status.is_chosen()) return status.run(out, err);
    if (inject.is_chosen()) return inject.run(out, err);
    if (uninject.is_chosen()) return uninject.run(out, err);
    if (version.is_chosen()) return version.run(out);
    return run.run(err);
  };
  try {
    app.parse(reversed(args));
    // `health` needs no OpenSSL, and kubelets run it every few seconds in every pod. Its exit code is all that counts.
    if (health.is_chosen()) return health.run(out, err);
    return delivered(run_chosen(), out, err);
  } catch (const CLI::ParseError& error) {
    return report(app, error, out, err);
  } catch (const std::exception& error) {
    err << "pillion: " << error.what() << '\n';
    return exit_code::bad_configuration;
  }
}

void supervise_if_asked(std::span<char*> argv) {
  // Any `--supervise` starts the supervisor. Its child parses the command line, and reports it if the option is
  // misplaced.
  const bool asked =
      std::ranges::any_of(argv, [](const char* word) { return std::string_view(word) == "--supervise"; });
  if (asked && std::getenv(app::handover_variable) == nullptr)  // NOLINT(concurrency-mt-unsafe)
    app::supervise(argv.data());
}

}  // namespace pillion::cli
