#pragma once
// Reads the values of the chart pillion-sidecar, for users without Helm.

#include <expected>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "inject/options.hpp"
#include "inject/value_section.hpp"

namespace pillion::inject {

/// The options that follow from the values. Keys and defaults are those of the chart. `version` is Pillion's, and the
/// default tag of the image. `config_text`, if given, replaces the pillion.yaml that would follow from the values. The
/// error has one line for each fault.
[[nodiscard]] std::expected<Options, std::string> read_values(const json::object& values, const std::string& version,
                                                              std::optional<std::string> config_text);

}  // namespace pillion::inject
