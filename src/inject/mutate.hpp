#pragma once
// Defines what a pod with Pillion is.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "inject/options.hpp"

namespace pillion::inject {

/// Why a pod stays unchanged.
struct Reason {
  enum class Kind : std::uint8_t {
    opted_out,  ///< its owner has opted out
    obstacle,   ///< Pillion cannot be put into it
  };
  Kind kind;
  std::string text;  ///< the obstacle and the remedy; one line
};

/// The patch (RFC 6902) that puts Pillion into `pod`, a pod or a pod template of the namespace `name_space`. Empty if
/// the pod already is as these options want it. A sidecar with other options or of another version is replaced.
/// Pillion becomes the first init container (or container), even if others have been inserted in front of it since.
[[nodiscard]] std::expected<json::array, Reason> mutate(const json::value& pod, const Options& options,
                                                        std::string_view name_space);

/// The patch that removes Pillion and keeps everything else; empty if the pod does not have it. The error says what
/// prevents that.
[[nodiscard]] std::expected<json::array, Reason> restore(const json::value& pod);

/// Applies a patch that mutate() or restore() has made for `document`.
void apply(const json::array& patch, json::value& document);

}  // namespace pillion::inject
