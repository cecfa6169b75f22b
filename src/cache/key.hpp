#pragma once
// The key of an entry: the question, and the two flags of the query on which a resolver's answer depends.

#include <cstdint>

#include "dns/name.hpp"
#include "dns/query.hpp"

namespace pillion::cache {

/// Name (compared without regard to case, RFC 4343), type, class, DO (RFC 3225) and CD (RFC 4035 section 3.2.2). A
/// view: the bytes of the name must outlive the key.
struct Key {
  dns::NameView name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  /// True for the result of a walk along the search list that began with this question. It says nothing of the name.
  bool searched = false;
};

/// The type in the key of an entry that denies all types of its name. Type 0 is reserved (RFC 6895 section 3.1).
inline constexpr std::uint16_t every_type = 0;

[[nodiscard]] Key key_of(const dns::QueryView& query);

/// A hash that is equal for equal keys. `seed` keeps a client from choosing collisions.
[[nodiscard]] std::uint64_t hash_of(const Key& key, std::uint64_t seed);

}  // namespace pillion::cache
