#include "cache/key.hpp"

namespace pillion::cache {

Key key_of(const dns::QueryView& query) {
  const auto& question = query.question();
  return {.name = question.name,
          .type = question.type,
          .klass = question.klass,
          .dnssec_ok = query.edns.dnssec_ok,
          .checking_disabled = (query.message.header().flags() & dns::flag::cd) != 0,
          .searched = false};
}

std::uint64_t hash_of(const Key& key, std::uint64_t seed) {
  const auto rest = std::uint64_t{key.searched} << 34U | std::uint64_t{key.type} << 18U |
                    std::uint64_t{key.klass} << 2U | std::uint64_t{key.dnssec_ok} << 1U |
                    std::uint64_t{key.checking_disabled};
  // The hash of the name is unpredictable. Multiplication and shift spread the few other bits over the whole result.
  const auto mixed = (key.name.hash(seed) ^ rest) * 0x9E3779B97F4A7C15U;
  return mixed ^ mixed >> 32U;
}

}  // namespace pillion::cache
