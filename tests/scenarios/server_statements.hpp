#pragma once
// The statements about a server, after its name (tests/README.md describes the language).

#include "scenarios/script.hpp"
#include "scenarios/servers.hpp"

namespace pillion::scenarios {

/// Plays a statement about observations of the server. False, and no word is taken, if it is another kind of statement.
[[nodiscard]] bool see_of(StageServer& server, Words& words);
/// Plays a statement about an action of the server.
void act(StageServer& server, Words& words);
/// The same for the subject "a's": connections, certificate.
void act_on_its(StageServer& server, Words& words);

}  // namespace pillion::scenarios
