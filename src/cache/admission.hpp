#pragma once
// Decides which replies the cache keeps, as what kind of answer, and for how long.

#include <cstdint>
#include <expected>
#include <string_view>

#include "cache/key.hpp"
#include "cache/settings.hpp"
#include "dns/message.hpp"

namespace pillion::cache {

/// The kind of answer that an entry holds.
enum class Kind : std::uint8_t {
  positive,
  nxdomain,  // the name, or the end of its CNAME chain, does not exist (RFC 2308 section 2.1)
  nodata,    // the name exists, but has no records of the type (RFC 2308 section 2.2)
  failure,   // SERVFAIL of the upstream or of Pillion; REFUSED, FORMERR or NOTIMP of the upstream (RFC 9520 section 2)
};

/// Why the cache does not keep a reply.
enum class NotStored : std::uint8_t {
  not_a_response,  // QR is not set, or the opcode is not QUERY
  other_question,  // name, type or class are not those of the query
  truncated,       // TC is set: the answer is not complete (RFC 2181 section 9)
  signed_message,  // TSIG or SIG(0): for one client only, and it must not be rewritten
  client_subnet,   // an answer for one network (RFC 7871 section 7.3), or a malformed ECS option
  meta_type,       // a zone transfer, or another type or class that is not data (RFC 6895 section 3.1), but not ANY
  other_rcode,     // an RCODE other than NOERROR, NXDOMAIN and those of Kind::failure
  no_soa,          // a negative answer without SOA, which has the TTL (RFC 2308 section 5), or a referral
  zero_ttl,        // a TTL of 0: for the query in progress only (RFC 1035 section 3.2.1)
  too_large,       // its entry would displace too many others
  count_,
};
[[nodiscard]] std::string_view to_string(NotStored reason);

/// How a reply is kept.
struct Admitted {
  Kind kind = Kind::positive;
  std::uint32_t lifetime = 0;  ///< seconds, more than 0
  /// True for an NXDOMAIN that denies the name of the question. After a CNAME chain, an NXDOMAIN denies another name
  /// (RFC 6604).
  bool denies_name = false;
};

/// What an NXDOMAIN denies. Some servers answer NXDOMAIN for NODATA (RFC 4074 section 4.2), or for names that have
/// others beneath them. Their denials must not hide names and types that exist.
enum class Denial : std::uint8_t {
  type,  ///< the type of the question
  name,  ///< all types of the name (RFC 2308 section 5)
  tree,  ///< the name and all names beneath it (RFC 8020)
};

/// The lifetime of a Kind::failure in seconds.
[[nodiscard]] std::uint32_t failure_lifetime(const Settings& settings);

/// Decides whether the reply to the question `key`, asked with RD, is kept.
///
/// The cache keeps the whole message for the smallest TTL of all sections, so that it gives no answer that the upstream
/// could not have given. The lifetime of a positive answer is from min_ttl to max_ttl. That of a negative answer is at
/// most the MINIMUM field of its SOA (RFC 2308 section 5) and max_negative_ttl.
[[nodiscard]] std::expected<Admitted, NotStored> admit(const Key& key, const dns::MessageView& reply,
                                                       const Settings& settings);

/// The TTL in seconds with which clients get a record of a reply: dns::effective_ttl(), but at most max_ttl, and at
/// least min_ttl unless the reply is a denial. So clients keep a record no longer than the cache does, and do not ask
/// again sooner. The SOA of a denial gets the lifetime of the denial (RFC 2308 section 5). `has_answer` is true if the
/// answer section has records.
[[nodiscard]] std::uint32_t bounded_ttl(const dns::Record& record, bool has_answer,
                                        const std::expected<Admitted, NotStored>& admitted, const Settings& settings);

}  // namespace pillion::cache
