#pragma once
// The values of the chart pillion-sidecar, for those who do without Helm.

#include <expected>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "inject/options.hpp"
#include "inject/value_section.hpp"

namespace pillion::inject {

/// The options that follow from the values; the keys, and what is meant where one is not given, are the chart's.
/// `version` is Pillion's, and the image's tag where none is given. `config_text` is pillion.yaml as a whole, instead
/// of the one that would follow from the values. The error has one line a fault.
[[nodiscard]] std::expected<Options, std::string> read_values(const json::object& values, const std::string& version,
                                                              std::optional<std::string> config_text);

}  // namespace pillion::inject
