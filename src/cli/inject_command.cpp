#include "cli/inject_command.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "cli/exit_code.hpp"
#include "config/read_file.hpp"
#include "inject/stream.hpp"
#include "inject/values.hpp"
#include "inject/yaml_documents.hpp"
#include "runtime/build_info.hpp"

namespace pillion::cli {
namespace {

namespace json = boost::json;
using NoteKind = inject::Note::Kind;

/// bytes; all objects of a cluster take some megabytes
constexpr std::size_t max_stream_size = std::size_t{1} << 30U;

std::string shown(const std::string& file) {
  return file == "-" ? "(standard input)" : file;
}

/// Reads the file or standard input. The error names the file.
std::expected<std::string, std::string> read(const std::string& file) {
  auto text = config::read_file_or_pipe(file == "-" ? "/dev/stdin" : file, max_stream_size);
  if (!text) return std::unexpected(shown(file) + ": cannot be read: " + text.error());
  if (text->size() > max_stream_size) return std::unexpected(shown(file) + ": is larger than 1 GiB");
  return text;
}

std::expected<json::object, std::string> read_values_file(const std::string& file) {
  const auto text = read(file);
  if (!text) return std::unexpected(text.error());
  const auto documents = inject::read_documents(*text);
  if (!documents) return std::unexpected(file + ':' + documents.error());
  if (documents->empty() || documents->front().value.is_null()) return json::object{};
  const auto* const members = documents->front().value.if_object();
  if (members == nullptr || documents->size() > 1) return std::unexpected(file + ": must be one map of values");
  return *members;
}

/// `lines` with `prefix` in front of each line.
std::string prefixed(const std::string& prefix, const std::string& lines) {
  std::string result;
  for (std::size_t begin = 0; begin <= lines.size();) {
    const auto end = std::min(lines.find('\n', begin), lines.size());
    result += (result.empty() ? "" : "\n") + prefix + lines.substr(begin, end - begin);
    begin = end + 1;
  }
  return result;
}

int fail(std::ostream& err, std::string_view command, const std::string& problem) {
  err << prefixed("pillion: " + std::string(command) + ": ", problem) << '\n';
  return exit_code::bad_configuration;
}

void tell(std::ostream& err, std::string_view command, const std::vector<inject::Note>& notes) {
  for (const auto& note : notes) {
    if (!note.text.empty())
      err << "pillion: " << command << ": " << note.workload << " is unchanged: " << note.text << '\n';
  }
}

void add_file_option(CLI::App& command, std::string& file) {
  command.add_option("-f,--file", file, "The YAML stream; - is standard input")
      ->type_name("FILE")
      ->capture_default_str();
}

}  // namespace

InjectCommand::InjectCommand(CLI::App& app)
    : command_(*app.add_subcommand("inject", "Put the sidecar into the workloads of a YAML stream")) {
  add_file_option(command_, file_);
  command_.add_option("--values", values_file_, "Values of the chart pillion-sidecar")->type_name("FILE");
  command_.add_option("--image", image_, "Image of Pillion, instead of the one in the values")->type_name("IMAGE");
  command_.add_option("-c,--config", config_file_, "The whole pillion.yaml, instead of the one made from the values")
      ->type_name("FILE");
  command_
      .add_option("--cluster-dns", cluster_dns_, "IP address of the cluster's DNS, instead of the one in the values")
      ->type_name("ADDRESS");
  command_.add_option("-n,--namespace", name_space_, "Namespace of the objects that do not name one")
      ->type_name("NAME");
  command_.add_flag(
      "--check", only_checks_,
      "Only list the workloads that have no Pillion, have another version, or start it after a proxy that waits; with "
      "values, an image or a configuration, also how a workload differs from what these would make");
  command_.add_flag("--strict", is_strict_, "Exit 1 if a workload cannot have the sidecar");
  command_.footer(
      "Writes the stream to standard output, and says on standard error which workloads it did not change, and "
      "why.\n"
      "Other objects pass through unchanged. A pod that has Pillion already gets no second one, and an older one is "
      "replaced.\n\n"
      "Example:\n"
      "  kubectl get deployment shop -o yaml |\n"
      "    pillion inject --image registry.example/pillion:0.1.0 --cluster-dns 10.96.0.10 | kubectl apply -f -\n"
      "  helm template shop . -n shop | pillion inject --values pillion-values.yaml -n shop --strict\n"
      "  kubectl get pods -A -o yaml | pillion inject --check\n"
      "  kubectl get deployments -n shop -o yaml | pillion inject --check --values pillion-values.yaml");
}

std::expected<inject::Options, std::string> InjectCommand::options() const {
  json::object values;
  if (!values_file_.empty()) {
    auto read = read_values_file(values_file_);
    if (!read) return std::unexpected(read.error());
    values = std::move(*read);
  }
  if (!cluster_dns_.empty()) {
    auto& cluster = values["clusterDNS"];
    if (!cluster.is_object()) cluster = json::object{};
    cluster.get_object()["address"] = cluster_dns_;
  }
  // read_values() needs a repository; the whole reference replaces it below.
  if (!image_.empty()) values["image"] = json::object{{"repository", image_}};
  std::optional<std::string> config;
  if (!config_file_.empty()) {
    auto text = read(config_file_);
    if (!text) return std::unexpected(text.error());
    config = std::move(*text);
  }
  auto options = inject::read_values(values, std::string(runtime::build_info::version()), std::move(config));
  if (!options)
    return std::unexpected(values_file_.empty() ? options.error() : prefixed(values_file_ + ": ", options.error()));
  if (!image_.empty()) options->image = image_;
  return options;
}

bool InjectCommand::has_options() const {
  return !values_file_.empty() || !image_.empty() || !config_file_.empty() || !cluster_dns_.empty();
}

int InjectCommand::check(const std::string& stream, std::ostream& out, std::ostream& err) const {
  std::optional<inject::Options> wanted;
  if (has_options()) {
    auto read = options();
    if (!read) return fail(err, "inject", read.error());
    wanted = std::move(*read);
  }
  const auto notes = inject::check_stream(stream, std::string(runtime::build_info::version()),
                                          wanted ? &*wanted : nullptr, name_space_);
  if (!notes) return fail(err, "inject", shown(file_) + ':' + notes.error());
  for (const auto& note : *notes) {
    if (!note.text.empty()) out << note.workload << ' ' << note.text << '\n';
  }
  const bool is_missing = std::ranges::any_of(*notes, [](const auto& note) { return note.kind == NoteKind::missing; });
  return is_missing ? exit_code::not_injected : exit_code::clean;
}

int InjectCommand::run(std::ostream& out, std::ostream& err) const {
  const auto stream = read(file_);
  if (!stream) return fail(err, "inject", stream.error());
  if (only_checks_) return check(*stream, out, err);
  const auto wanted = options();
  if (!wanted) return fail(err, "inject", wanted.error());
  const auto result = inject::inject_stream(*stream, *wanted, name_space_);
  if (!result) return fail(err, "inject", shown(file_) + ':' + result.error());
  out << result->stream;
  tell(err, "inject", result->notes);
  const bool is_skipped =
      std::ranges::any_of(result->notes, [](const auto& note) { return note.kind == NoteKind::skipped; });
  return is_skipped && is_strict_ ? exit_code::not_injected : exit_code::clean;
}

UninjectCommand::UninjectCommand(CLI::App& app)
    : command_(*app.add_subcommand("uninject", "Remove the sidecar from the workloads of a YAML stream")) {
  add_file_option(command_, file_);
  command_.footer(
      "Keeps what was there before, and what others have added since.\n\n"
      "Example:\n"
      "  kubectl get deployment shop -o yaml | pillion uninject | kubectl apply -f -");
}

int UninjectCommand::run(std::ostream& out, std::ostream& err) const {
  const auto stream = read(file_);
  if (!stream) return fail(err, "uninject", stream.error());
  const auto result = inject::uninject_stream(*stream);
  if (!result) return fail(err, "uninject", shown(file_) + ':' + result.error());
  out << result->stream;
  tell(err, "uninject", result->notes);
  const bool is_skipped =
      std::ranges::any_of(result->notes, [](const auto& note) { return note.kind == NoteKind::skipped; });
  return is_skipped ? exit_code::not_injected : exit_code::clean;
}

}  // namespace pillion::cli
