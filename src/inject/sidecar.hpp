#pragma once
// What is put into a pod: the container, its volumes, and the annotations besides the configuration.

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

/// The configuration's first.
[[nodiscard]] json::array volumes(const Options& options);

/// The loopback address on which Pillion listens.
[[nodiscard]] std::string_view loopback(const Options& options);

struct MeshAnnotation {
  std::string_view key;
  std::vector<std::uint16_t> ports;  ///< ascending; at least one
};

/// What keeps the mesh's proxy away from the encrypted upstreams and from the HTTP port. Where a ConfigMap has the
/// configuration, the upstreams' port is taken for that of DNS over TLS (RFC 7858 section 3.1).
[[nodiscard]] std::vector<MeshAnnotation> mesh_annotations(const Options& options);

/// Search domains that stand before the pod's own.
[[nodiscard]] std::vector<std::string> searches(const Options& options, std::string_view name_space);

}  // namespace pillion::inject
