#pragma once
// An explanation as JSON for the admin server.

#include <boost/json/object.hpp>

#include "server/explainer.hpp"

namespace pillion::admin {

/// An object of the schema Resolved: {"name", "type", "rcode", "source", "duration_ms", "ede": [{"code", "text"}],
/// "records": [{"section", "name", "ttl", "type", "data"}], "trace": [{"at_ms", "event", "text", "step"?, …}],
/// "events_lost"}. An event's other fields are those of trace::fields_of().
[[nodiscard]] boost::json::object to_json(const server::ExplainedQuestion& question,
                                          const server::Explanation& explanation);

}  // namespace pillion::admin
