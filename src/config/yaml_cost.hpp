#pragma once
// What it costs to read a YAML document. Pure.

#include <cstddef>
#include <string_view>

namespace pillion::config {

/// At least the bytes of memory that yaml-cpp takes at the same time while it reads `yaml`: it makes a token and a node
/// of every value, so that one byte of the text may cost 480. Counts each character that may begin a value, also where
/// it is part of a text.
[[nodiscard]] std::size_t yaml_cost(std::string_view yaml);

}  // namespace pillion::config
