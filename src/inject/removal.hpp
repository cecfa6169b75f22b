#pragma once
// Removes Pillion from a pod.

#include "inject/editor.hpp"
#include "inject/marker.hpp"

namespace pillion::inject {

/// Removes Pillion and keeps everything else, also what others have added since. The pod must be well-formed, and
/// `marker` its own marker.
void remove_sidecar(Editor& editor, const Marker& marker);

}  // namespace pillion::inject
