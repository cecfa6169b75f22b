#pragma once
// The annotations by which the owner of a pod says what Pillion is to be like in it: a closed list.

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "inject/options.hpp"

namespace pillion::inject {

/// Empty where `text` is a Kubernetes quantity above zero ("64Mi", "0.5", "100m"); else what is wrong and what would be
/// right.
[[nodiscard]] std::string check_quantity(std::string_view text);

/// The options for this pod, in which Pillion is not yet. The error names the annotation, and what would be right.
[[nodiscard]] std::expected<Options, std::string> with_overrides(const json::value& pod, Options options);

}  // namespace pillion::inject
