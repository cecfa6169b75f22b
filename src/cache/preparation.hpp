#pragma once
// An upstream's reply as we give it and keep it: written anew without its OPT, its TTLs bounded, with a list of what a
// hit has to patch.

#include <cstdint>
#include <expected>
#include <span>

#include "cache/admission.hpp"
#include "dns/response.hpp"
#include "dns/response_writer.hpp"

namespace pillion::cache {

/// At most so many bytes of Extended DNS Errors are given and kept with an answer; what would go beyond is left out.
inline constexpr std::size_t max_extended_errors = 256;

/// Records of one set of addresses that stand next to each other and have the same size, so that they can change
/// places: by their place among the message's TTLs.
struct AddressSet {
  std::uint8_t first = 0;
  std::uint8_t count = 0;  ///< 0: there is none; else 2 or more
};

/// Reused from one reply to the next, so that it keeps its capacity.
class Preparation {
 public:
  /// `seed` is to be random (dns::ResponseWriter).
  explicit Preparation(std::uint64_t seed) : writer_(seed) {}

  /// Fills this from the reply to the question `key`, which dns::is_sound_reply() has passed. False, and this is of no
  /// use, if it would be longer than 65,535 bytes.
  [[nodiscard]] bool prepare(const Key& key, const dns::MessageView& reply, const Settings& settings);
  /// Fills this with what a walk along the search list found: `message`, without OPT, for `lifetime` seconds. False as
  /// above.
  [[nodiscard]] bool prepare_found(const dns::MessageView& message, std::uint32_t lifetime);
  /// Fills this with a SERVFAIL of our own.
  void prepare_failure(const Key& key, const dns::ExtendedError& error, const Settings& settings);

  /// Makes NODATA of an NXDOMAIN: the name is known to have another type.
  void deny_type_alone();

  /// Header (id 0), question and records without OPT.
  [[nodiscard]] dns::Bytes wire() const { return wire_; }
  [[nodiscard]] std::span<const std::uint16_t> ttl_offsets() const { return writer_.ttl_offsets(); }
  /// Of each compression pointer.
  [[nodiscard]] std::span<const std::uint16_t> pointer_offsets() const { return writer_.pointer_offsets(); }
  [[nodiscard]] AddressSet addresses() const { return addresses_; }
  /// The reply's Extended DNS Errors as whole EDNS options.
  [[nodiscard]] dns::Bytes extended_errors() const { return extended_errors_; }
  /// The reply's response code, of 12 bits.
  [[nodiscard]] std::uint16_t rcode() const { return rcode_; }
  [[nodiscard]] const std::expected<Admitted, NotStored>& admitted() const { return admitted_; }

 private:
  void clear();
  [[nodiscard]] bool write(const dns::MessageView& reply, const Settings& settings);
  void keep_errors(dns::Bytes options);
  void find_addresses(const dns::MessageView& reply);

  dns::Buffer wire_;
  dns::ResponseWriter writer_;
  AddressSet addresses_;
  dns::Buffer extended_errors_;
  std::uint16_t rcode_ = 0;
  std::expected<Admitted, NotStored> admitted_;
};

}  // namespace pillion::cache
