#pragma once
// The parts that are put into a pod: the container, its volumes, and the annotations other than the configuration.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "inject/options.hpp"

namespace pillion::inject {

[[nodiscard]] json::object container(const Options& options);

/// The volumes, the configuration's first.
[[nodiscard]] json::array volumes(const Options& options);

/// The loopback address that Pillion listens on.
[[nodiscard]] std::string_view loopback(const Options& options);

struct MeshAnnotation {
  std::string_view key;
  std::vector<std::uint16_t> ports;  ///< ascending; not empty
};

/// The annotations that exclude the TLS upstreams and the HTTP port from the mesh's proxy. If a ConfigMap has the
/// configuration, the upstreams' port is assumed to be 853 (RFC 7858 section 3.1).
[[nodiscard]] std::vector<MeshAnnotation> mesh_annotations(const Options& options);

/// The search domains that come before the pod's own.
[[nodiscard]] std::vector<std::string> searches(const Options& options, std::string_view name_space);

}  // namespace pillion::inject
