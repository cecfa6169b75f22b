#pragma once
// What the cache is told (contract key `cache`). Ranges are checked where the configuration is read.

#include <chrono>
#include <cstddef>

namespace pillion::cache {

inline constexpr std::size_t min_size = std::size_t{64} * 1024;     ///< of Settings::size, in bytes
inline constexpr std::size_t max_size = std::size_t{16} << 30U;     ///< likewise: blocks are found by 32-bit numbers
inline constexpr std::chrono::seconds max_failure_ttl{5 * 60};      ///< RFC 9520 3.2
inline constexpr std::chrono::seconds max_time{30 * 24 * 60 * 60};  ///< of every time below

struct Settings {
  std::size_t size = std::size_t{4} * 1024 * 1024;  ///< bytes, entries and index together; min_size … max_size
  /// A positive answer lives at least and at most so long, and its TTLs say so. 0s <= min_ttl <= max_ttl.
  std::chrono::seconds min_ttl{0};
  std::chrono::seconds max_ttl{3600};
  std::chrono::seconds max_negative_ttl{300};  ///< NXDOMAIN and NODATA (RFC 2308 section 5)
  std::chrono::seconds serve_stale{3600};      ///< how long after its expiry an answer is kept for bad times; 0s: not
  std::chrono::seconds failure_ttl{5};         ///< RFC 9520 3.2; 1s … max_failure_ttl
  bool nxdomain_cut = true;                    ///< RFC 8020: nothing lies beneath a name that does not exist
  bool prefetch = true;                        ///< whether Lookup::prefetch_due is ever set
};

}  // namespace pillion::cache
