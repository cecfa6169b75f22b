#pragma once
// Which replies may be kept, as what, and for how long.

#include <cstdint>
#include <expected>
#include <string_view>

#include "cache/key.hpp"
#include "cache/settings.hpp"
#include "dns/message.hpp"

namespace pillion::cache {

/// What an entry says about its question.
enum class Kind : std::uint8_t {
  positive,
  nxdomain,  // the name, or the end of its CNAME chain, does not exist (RFC 2308 2.1)
  nodata,    // it exists, but has no such type (RFC 2308 2.2)
  failure,   // SERVFAIL, the upstream's or our own; its REFUSED, FORMERR and NOTIMP (RFC 9520 section 2)
};

/// Why a reply was not kept.
enum class NotStored : std::uint8_t {
  not_a_response,  // QR is not set, or the opcode is not QUERY
  other_question,  // name, type or class differ from what was asked
  truncated,       // TC: not the whole answer (RFC 2181 section 9)
  signed_message,  // TSIG or SIG(0): for one client only, and not to be rewritten
  client_subnet,   // an answer for one network (RFC 7871 7.3), or an ECS option that cannot be read
  meta_type,       // a zone transfer, or another type or class that is not data (RFC 6895 3.1); ANY passes
  other_rcode,     // other than NOERROR, NXDOMAIN and those of a failure
  no_soa,          // negative, but it does not say for how long (RFC 2308 section 5), or a referral
  zero_ttl,        // for the query in progress only (RFC 1035 3.2.1)
  too_large,       // would displace too much
  count_,
};
[[nodiscard]] std::string_view to_string(NotStored reason);

struct Admitted {
  Kind kind = Kind::positive;
  std::uint32_t lifetime = 0;  ///< seconds, more than 0
  /// True for an NXDOMAIN of the very name that was asked. One at the end of a CNAME chain is about another name
  /// (RFC 6604).
  bool denies_name = false;
};

/// What an NXDOMAIN is taken to deny. Servers exist that say NXDOMAIN where they mean NODATA (RFC 4074 section 4.2),
/// and of names that have others beneath them; a denial of theirs must not hide what they do have.
enum class Denial : std::uint8_t {
  type,  ///< the type that was asked for
  name,  ///< all types of the name (RFC 2308 section 5)
  tree,  ///< the name and all names beneath it (RFC 8020)
};

/// Seconds that a resolution failure is kept for.
[[nodiscard]] std::uint32_t failure_lifetime(const Settings& settings);

/// Judges the reply to the question `key`, which was asked with RD.
///
/// A message is kept whole, so it lives as long as the record that expires first, in whichever section: then every
/// answer from the cache is one that the upstream could have given. Positive answers are bounded by min_ttl and
/// max_ttl; negative ones also by MINIMUM of their SOA (RFC 2308 section 5) and max_negative_ttl.
[[nodiscard]] std::expected<Admitted, NotStored> admit(const Key& key, const dns::MessageView& reply,
                                                       const Settings& settings);

/// The TTL that a record of a reply is given with, in seconds. With its top bit set it came as 0 (RFC 2181 section 8).
/// max_ttl holds for all, and min_ttl for what is not a denial, so that clients neither hold a record for longer than
/// we would nor come back sooner. `has_answer`: the reply's answer section has records. The SOA of a denial lives as
/// long as that (RFC 2308 section 5).
[[nodiscard]] std::uint32_t bounded_ttl(const dns::Record& record, bool has_answer,
                                        const std::expected<Admitted, NotStored>& admitted, const Settings& settings);

}  // namespace pillion::cache
