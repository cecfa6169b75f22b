#pragma once
// What a scenario says of a server, behind its name (tests/README.md describes the language).

#include "scenarios/script.hpp"
#include "scenarios/servers.hpp"

namespace pillion::scenarios {

/// Plays a statement of what is seen of the server; false, with no word taken, where it is of another kind.
[[nodiscard]] bool see_of(StageServer& server, Words& words);
/// Plays a statement of what the server does.
void act(StageServer& server, Words& words);
/// The same where the subject is "a's": its connections, its certificate.
void act_on_its(StageServer& server, Words& words);

}  // namespace pillion::scenarios
