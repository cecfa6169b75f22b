#pragma once
// The settings of the cache (configuration key `cache`). Whoever reads the configuration checks the ranges.

#include <chrono>
#include <cstddef>

namespace pillion::cache {

inline constexpr std::size_t min_size = std::size_t{64} * 1024;     ///< the least Settings::size, in bytes
inline constexpr std::size_t max_size = std::size_t{16} << 30U;     ///< the greatest, since a Position has 32 bits
inline constexpr std::chrono::seconds max_failure_ttl{5 * 60};      ///< RFC 9520 section 3.2
inline constexpr std::chrono::seconds max_time{30 * 24 * 60 * 60};  ///< the greatest of all times below

struct Settings {
  std::size_t size = std::size_t{4} * 1024 * 1024;  ///< bytes, entries and index together; from min_size to max_size
  /// The least and the greatest lifetime of a positive answer, and of its TTLs. 0s <= min_ttl <= max_ttl.
  std::chrono::seconds min_ttl{0};
  std::chrono::seconds max_ttl{3600};
  std::chrono::seconds max_negative_ttl{300};  ///< of NXDOMAIN and NODATA (RFC 2308 section 5)
  std::chrono::seconds serve_stale{3600};      ///< how long an expired answer may be used (RFC 8767); 0s: not at all
  std::chrono::seconds failure_ttl{5};         ///< RFC 9520 section 3.2; from 1s to max_failure_ttl
  bool nxdomain_cut = true;                    ///< RFC 8020: names beneath a name that does not exist do not exist
  bool prefetch = true;                        ///< false: Lookup::prefetch_due is never true
};

}  // namespace pillion::cache
