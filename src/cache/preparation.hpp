#pragma once
// A reply made ready to be kept: without OPT, its TTLs bounded, and a list of what a hit has to patch.

#include <cstdint>
#include <expected>
#include <vector>

#include "cache/admission.hpp"
#include "dns/response.hpp"

namespace pillion::cache {

/// At most so many bytes of Extended DNS Errors are kept with an answer; what would go beyond is left out.
inline constexpr std::size_t max_extended_errors = 256;

/// Reused from one reply to the next, so that it keeps its capacity.
struct Preparation {
  dns::Buffer wire;
  std::vector<std::uint16_t> ttl_offsets;
  std::vector<std::uint16_t> pointer_offsets;
  dns::Buffer extended_errors;
  /// All compression pointers are in `pointer_offsets`, so that the question can be made longer (RFC 8020).
  bool holds_beneath = false;

  /// Fills this from a reply that was admitted; false where it cannot be rewritten.
  [[nodiscard]] bool prepare(const dns::MessageView& reply, const Admitted& admitted, const Settings& settings);
  /// Fills this with a SERVFAIL of our own.
  void prepare_failure(const Key& key, const dns::ExtendedError& error);

 private:
  void clear();
  /// Collects the pointers of owner names and rdata; false where they cannot all be known, or moved by a name's length.
  [[nodiscard]] bool collect_pointers(const dns::MessageView& view);
};

}  // namespace pillion::cache
