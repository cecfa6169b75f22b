#pragma once
// Describes how a pod's sidecar differs from the requested one.

#include <string>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// Describes the difference for people, the image and the configuration first: "image a instead of b, configuration
/// (upstreams), resources of the container". Empty if there is none. Two texts of the same configuration are no
/// difference. `pod` must have Pillion; `wanted` is what mutate() makes of it.
[[nodiscard]] std::string describe_difference(const json::value& pod, const json::value& wanted);

}  // namespace pillion::inject
