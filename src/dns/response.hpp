#pragma once
// Messages that we make ourselves: refusals, errors with a reason, truncated answers, and queries.

#include <cstdint>
#include <string_view>

#include "dns/edns.hpp"
#include "dns/query.hpp"

namespace pillion::dns {

/// What we tell a client about ourselves in each answer with EDNS.
struct OurEdns {
  std::uint16_t udp_payload = 1232;  ///< contract key dns.udp_payload
  std::optional<std::uint16_t> keepalive =
      {};                     ///< units of 100 ms; set only for TCP clients that sent the option (RFC 7828 3.3.2)
  std::uint16_t padding = 0;  ///< block size in bytes, for clients that pad (RFC 7830 section 4); 0: no padding
};

/// An Extended DNS Error to go with an answer (RFC 8914).
struct ExtendedError {
  std::uint16_t info_code = 0;
  std::string_view text;
};

/// Appends an answer without records: QR set, the query's id, opcode, RD and CD, the given 12-bit RCODE, the question,
/// and an OPT record where the query had one (RFC 6891 7), which carries `error`.
void append_error(Buffer& out, const QueryView& query, std::uint16_t rcode, const OurEdns& ours,
                  std::optional<ExtendedError> error = {});

/// Appends an answer without question to a message of which little more than the header can be trusted: QR set, the
/// query's id, opcode, RD and CD; and our OPT if one can be found in `query` (RFC 6891 section 7).
void append_header_error(Buffer& out, Bytes query, std::uint16_t rcode, const OurEdns& ours);

/// Makes `answer`, a whole response without regard to who asks, the answer to `query`: its id, RD and CD (RFC 1035
/// 4.1.1, RFC 4035 3.2.2); AD only if the query wants to know (RFC 6840 5.7, 5.8); the letters of its question, which
/// clients compare with their own (draft-vixie-dnsext-dns0x20).
void address_to(const QueryView& query, MutableBytes answer);

/// Shortens the message that begins at `start` and ends with `out` to at most `limit` bytes. The additional section
/// goes first, as a whole, then records from the end. TC is set, and true returned, if answers were lost; of the
/// authority section it is a loss only to those who validate, which `dnssec_ok` says (RFC 2181 section 9, RFC 4035
/// 3.1.1). What is left is for clients that do not ask again over TCP, such as musl's before 1.2.4. The message must
/// have been parsed, before changes to its question perhaps, and have no OPT; its header and question must fit.
[[nodiscard]] bool shorten(Buffer& out, std::size_t start, std::size_t limit, bool dnssec_ok);

/// Appends, of an answer that is too long for UDP and signed, so that no part of it may stand alone: its header with TC
/// set, the question, and our OPT where the client sent one. `answer` is a whole message; of its OPT only the extended
/// RCODE is kept.
void append_truncated(Buffer& out, const MessageView& answer, const OurEdns& ours, const Edns& client);

/// Appends a query with one question, RD set as given and no EDNS: header, name, type, class. `name` is in wire form.
void append_query(Buffer& out, std::uint16_t id, std::uint16_t flags, Bytes name, std::uint16_t type,
                  std::uint16_t klass);

}  // namespace pillion::dns
