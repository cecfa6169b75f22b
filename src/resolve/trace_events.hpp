#pragma once
// The events of a trace about answers. Pure.

#include "cache/admission.hpp"
#include "resolve/request.hpp"
#include "upstream/trace_events.hpp"

namespace pillion::upstream::trace {

[[nodiscard]] Content content_of(cache::Kind kind);
[[nodiscard]] Answered answered(const resolve::Answer& answer);

}  // namespace pillion::upstream::trace
