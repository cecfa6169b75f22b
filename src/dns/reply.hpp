#pragma once
// Checks an upstream's reply by strict rules. MessageView::parse() alone is not enough: Pillion rewrites the names of a
// reply, caches it, and passes it to programs that may read it less carefully.

#include "dns/message.hpp"

namespace pillion::dns {

/// False if the reply is malformed:
///  - its opcode is not QUERY;
///  - it is signed (TSIG, RFC 8945; SIG(0), RFC 2931) and `may_be_signed` is false, since the query was not signed;
///  - an Extended DNS Error has no INFO-CODE, or its text is not UTF-8 (RFC 8914 section 2);
///  - a compression pointer leads elsewhere than to a label of an earlier name (RFC 1035 section 4.1.4: "a prior
///    occurrence of the same name"), such as into rdata without names, or into the type of a question;
///  - the rdata of a type in dns/rdata.hpp does not have the layout of that type, or does not end where RDLENGTH says.
[[nodiscard]] bool is_sound_reply(const MessageView& reply, bool may_be_signed);

}  // namespace pillion::dns
