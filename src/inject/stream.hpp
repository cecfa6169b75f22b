#pragma once
// Puts Pillion into all workloads of a YAML stream, and takes it out.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "inject/options.hpp"

namespace pillion::inject {

/// The outcome for one workload.
struct Note {
  enum class Kind : std::uint8_t {
    changed,
    unchanged,  ///< the workload already is as requested
    opted_out,  ///< its owner has opted out
    skipped,    ///< Pillion cannot be put into it, or not in its present form
    missing,    ///< It has no Pillion, another one than requested, or one that cannot start in its place (check only).
  };
  Kind kind;
  std::string workload;  ///< "Deployment/shop"
  std::string text;      ///< the reason; may be empty
};

struct Result {
  std::string stream;  ///< documents without a change keep every byte
  std::vector<Note> notes;
};

/// `name_space` is the namespace of objects that state none. If it is empty, objects that need it are skipped. The
/// error is "line:column: problem".
[[nodiscard]] std::expected<Result, std::string> inject_stream(std::string_view stream, const Options& options,
                                                               const std::string& name_space);
[[nodiscard]] std::expected<Result, std::string> uninject_stream(std::string_view stream);

/// Checks whether each workload has this version of Pillion with these options, and no container before it that it
/// would have to wait for. If `options` is nullptr, only the version is checked.
[[nodiscard]] std::expected<std::vector<Note>, std::string> check_stream(std::string_view stream,
                                                                         const std::string& version,
                                                                         const Options* options,
                                                                         const std::string& name_space);

}  // namespace pillion::inject
