#pragma once
// Converts the SvcParams of SVCB and HTTPS records (RFC 9460) to presentation format. Only this room includes this
// file.

#include <optional>
#include <string>

#include "dns/wire.hpp"

namespace pillion::presentation {

/// `params` in presentation format (RFC 9460 section 2.1), with blanks between them; nullopt if they are not in the
/// wire format (section 2.2). Values of keys that section 14.3.2 does not have are written as text.
[[nodiscard]] std::optional<std::string> svc_params_to_text(dns::Bytes params);

}  // namespace pillion::presentation
