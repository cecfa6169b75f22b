#pragma once
// In what a pod with Pillion is another than it is to be.

#include <string>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// Says it in words for a person, the image and the configuration first: "image a instead of b, configuration
/// (upstreams), resources of the container". Empty where there is nothing: two texts of a configuration that say the
/// same are no difference. `pod` has Pillion, and `wanted` is what `mutate` makes of it.
[[nodiscard]] std::string describe_difference(const json::value& pod, const json::value& wanted);

}  // namespace pillion::inject
