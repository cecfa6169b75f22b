#pragma once
// Messages that Pillion makes itself: error responses, truncated responses, and queries.

#include <cstdint>
#include <string_view>

#include "dns/edns.hpp"
#include "dns/query.hpp"

namespace pillion::dns {

/// The fields of the OPT record in answers to clients.
struct OurEdns {
  std::uint16_t udp_payload = 1232;  ///< contract key dns.udp_payload
  std::optional<std::uint16_t> keepalive =
      {};                     ///< units of 100 ms; only for TCP clients that sent the option (RFC 7828 section 3.3.2)
  std::uint16_t padding = 0;  ///< block size in bytes; 0 if the client does not pad its queries (RFC 7830 section 4)
};

/// An Extended DNS Error (RFC 8914 section 2).
struct ExtendedError {
  std::uint16_t info_code = 0;
  std::string_view text;
};

/// Appends a response without records to `query`: with QR set, the query's id, opcode, RD and CD, the 12-bit `rcode`,
/// and the question. If the query has an OPT record, so has the response (RFC 6891 section 7), with `error` in it.
void append_error(Buffer& out, const QueryView& query, std::uint16_t rcode, const OurEdns& ours,
                  std::optional<ExtendedError> error = {});

/// Appends a response without question to a query of which only the header is known to be well-formed: with QR set, the
/// query's id, opcode, RD and CD. If find_opt() finds an OPT record in `query`, the response has one too (RFC 6891
/// section 7).
void append_header_error(Buffer& out, Bytes query, std::uint16_t rcode, const OurEdns& ours);

/// Makes a response that holds for all clients the response to `query`. Copies the id, RD and CD of the query (RFC 1035
/// section 4.1.1, RFC 4035 section 3.2.2) and the letter case of its question, which clients compare with their own
/// (draft-vixie-dnsext-dns0x20). Clears AD if the query sets neither AD nor DO (RFC 6840 sections 5.7 and 5.8).
void address_to(const QueryView& query, MutableBytes answer);

/// Shortens the message from `start` to the end of `out` to at most `limit` bytes. Removes the whole additional
/// section, then records from the end. Sets TC and returns true if a record was removed that the client needs (RFC 2181
/// section 9): one of the answer section, the SOA of a denial, without which the denial could not be cached (RFC 2308
/// sections 5 and 6), or, if `dnssec_ok` is true, any of the authority section (RFC 4035 section 3.1.1). Records are
/// left for clients that do not ask again over TCP, such as musl before 1.2.4. The message has been parsed, though the
/// letter case of its question may have changed since; it has no OPT, and its header and question fit.
[[nodiscard]] bool shorten(Buffer& out, std::size_t start, std::size_t limit, bool dnssec_ok);

/// Appends a truncated form of `answer`, a signed message that is too long for UDP, of which no part is valid alone:
/// its header with TC set, its question, and an OPT record if the client sent one, with the extended RCODE of `answer`.
void append_truncated(Buffer& out, const MessageView& answer, const OurEdns& ours, const Edns& client);

/// Appends a query with one question and without EDNS. `name` is in wire form.
void append_query(Buffer& out, std::uint16_t id, std::uint16_t flags, Bytes name, std::uint16_t type,
                  std::uint16_t klass);

}  // namespace pillion::dns
