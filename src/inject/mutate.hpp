#pragma once
// The definition of a pod with Pillion.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "inject/options.hpp"

namespace pillion::inject {

/// Why a pod stays as it is.
struct Reason {
  enum class Kind : std::uint8_t {
    opted_out,  ///< as its owner wants it
    obstacle,   ///< Pillion cannot be put into it
  };
  Kind kind;
  std::string text;  ///< what is in the way and the remedy; one line
};

/// The patch (RFC 6902) that makes of `pod`, a pod or a pod template, one with Pillion; empty where it is one already,
/// as these options want it. A sidecar of other options or of another version is replaced. Pillion is first of the init
/// containers (or of the containers), wherever others have put themselves since. `name_space` is the pod's.
[[nodiscard]] std::expected<json::array, Reason> mutate(const json::value& pod, const Options& options,
                                                        std::string_view name_space);

/// The patch that takes Pillion out and leaves what was there before; empty where it is not in. The error says what is
/// in the way.
[[nodiscard]] std::expected<json::array, Reason> restore(const json::value& pod);

/// Makes `document` what the patch wants, which `mutate` or `restore` has made for it.
void apply(const json::array& patch, json::value& document);

}  // namespace pillion::inject
