#pragma once
// An answer to one name, given as the answer to another that is an alias of it.

#include <cstdint>

#include "dns/message.hpp"

namespace pillion::dns {

/// Appends the response `answer`, which has no OPT, as a response to the question `alias`: a CNAME from there to the
/// name that was asked, with `ttl` in seconds, before all other records (RFC 1034 3.6.2). AD is cleared, for nobody has
/// signed the CNAME, and AA, for nobody has authority over it. False, with `out` as it was, where a name cannot be
/// moved: the message is malformed or more than 16 kB long.
[[nodiscard]] bool append_as_alias(const MessageView& answer, Bytes alias, std::uint32_t ttl, Buffer& out);

}  // namespace pillion::dns
