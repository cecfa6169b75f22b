#pragma once
// What we accept from an upstream: the strict reading of a reply. A message that can merely be walked is not enough,
// since we rewrite its names, keep it, and give it to programs that read it less carefully.

#include "dns/message.hpp"

namespace pillion::dns {

/// True unless one of these makes the reply malformed:
///  - its opcode is not QUERY;
///  - it is signed (TSIG, RFC 8945; SIG(0), RFC 2931) and `may_be_signed` is false: the query was not;
///  - an Extended DNS Error is shorter than its code, or its text is not UTF-8 (RFC 8914 section 2);
///  - a compression pointer leads to other than a label of a name that stands before it: into rdata that is no name, or
///    into the numbers of the question or of a record (RFC 1035 4.1.4: "a prior occurrence of the same name");
///  - the rdata of a type that is known here is not laid out as its RFC says, or does not end where its length says.
[[nodiscard]] bool is_sound_reply(const MessageView& reply, bool may_be_signed);

}  // namespace pillion::dns
