#pragma once
// The annotations by which a pod's owner changes the options for this pod. The list is closed.

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "inject/options.hpp"

namespace pillion::inject {

/// Empty if `text` is a Kubernetes quantity above zero ("64Mi", "0.5", "100m"); else what is wrong and what would be
/// right.
[[nodiscard]] std::string check_quantity(std::string_view text);

/// `options` changed by the pod's annotations. The pod must not have Pillion yet. The error names the annotation and
/// says what would be right.
[[nodiscard]] std::expected<Options, std::string> with_overrides(const json::value& pod, Options options);

}  // namespace pillion::inject
