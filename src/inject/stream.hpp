#pragma once
// Pillion into and out of all workloads of a YAML stream.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "inject/options.hpp"

namespace pillion::inject {

/// What became of one workload, or is to be said of it.
struct Note {
  enum class Kind : std::uint8_t {
    changed,
    unchanged,  ///< it is as it is to be
    opted_out,  ///< it is to stay without
    skipped,    ///< it cannot have Pillion, or not as it is
    missing,    ///< it is without Pillion, has another than it is to have, or in a place where it cannot start (check
                ///< only)
  };
  Kind kind;
  std::string workload;  ///< "Deployment/shop"
  std::string text;      ///< why; empty where there is nothing to say
};

struct Result {
  std::string stream;  ///< documents in which nothing changes are byte for byte as they were
  std::vector<Note> notes;
};

/// `name_space` is for objects that do not say theirs; empty: not known, and they are skipped where it is needed. The
/// error is "line:column: problem".
[[nodiscard]] std::expected<Result, std::string> inject_stream(std::string_view stream, const Options& options,
                                                               const std::string& name_space);
[[nodiscard]] std::expected<Result, std::string> uninject_stream(std::string_view stream);

/// Says of each workload whether it has this version of Pillion, as these options want it, and nothing in front that it
/// would wait for. `options` is nullptr where they are not known: then the version alone is looked at.
[[nodiscard]] std::expected<std::vector<Note>, std::string> check_stream(std::string_view stream,
                                                                         const std::string& version,
                                                                         const Options* options,
                                                                         const std::string& name_space);

}  // namespace pillion::inject
