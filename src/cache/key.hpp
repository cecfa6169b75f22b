#pragma once
// What an answer is found by: the question, and the two flags of the query that change what a resolver says.

#include <cstdint>

#include "dns/name.hpp"
#include "dns/query.hpp"

namespace pillion::cache {

/// Name (without regard to case, RFC 4343), type, class, DO (RFC 3225) and CD (RFC 4035 3.2.2). A view: `name` must
/// outlive it.
struct Key {
  dns::NameView name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  /// True for what a walk along the search list found that began with this question: not what the name itself has.
  bool searched = false;
};

/// In place of a type: an entry that speaks for all types of its name. Type 0 is reserved (RFC 6895 3.1).
inline constexpr std::uint16_t every_type = 0;

[[nodiscard]] Key key_of(const dns::QueryView& query);

/// Equal for equal keys. `seed` keeps an outsider from choosing collisions.
[[nodiscard]] std::uint64_t hash_of(const Key& key, std::uint64_t seed);

}  // namespace pillion::cache
