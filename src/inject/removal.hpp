#pragma once
// Takes Pillion out of a pod.

#include "inject/editor.hpp"
#include "inject/marker.hpp"

namespace pillion::inject {

/// Leaves what the pod was before, and what others have added since. The pod is well-formed; `marker` is its own.
void remove_sidecar(Editor& editor, const Marker& marker);

}  // namespace pillion::inject
