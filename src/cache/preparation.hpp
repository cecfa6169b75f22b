#pragma once
// An upstream's reply in the form in which clients get it and the cache keeps it: without OPT, with bounded TTLs, and
// with the offsets that a hit has to patch.

#include <cstdint>
#include <expected>
#include <span>

#include "cache/admission.hpp"
#include "dns/response.hpp"
#include "dns/response_writer.hpp"

namespace pillion::cache {

/// The most bytes of Extended DNS Errors that are kept with an answer. Further ones are left out.
inline constexpr std::size_t max_extended_errors = 256;

/// Records of one RRset of addresses that stand next to each other and have the same size, so that they can be rotated:
/// the number of the first among the TTLs of the message, and how many there are.
struct AddressSet {
  std::uint8_t first = 0;
  std::uint8_t count = 0;  ///< 0 if there is no such set, or 2 or more
};

/// Prepares one reply after another, and keeps its capacity.
class Preparation {
 public:
  /// `seed` must be random (dns::ResponseWriter).
  explicit Preparation(std::uint64_t seed) : writer_(seed) {}

  /// Prepares the reply to the question `key`, which dns::is_sound_reply() has accepted. False, and this is unusable,
  /// if the message would be longer than 65,535 bytes.
  [[nodiscard]] bool prepare(const Key& key, const dns::MessageView& reply, const Settings& settings);
  /// Prepares the result of a walk along the search list, `message` without OPT, for a lifetime in seconds. False as
  /// above.
  [[nodiscard]] bool prepare_found(const dns::MessageView& message, std::uint32_t lifetime);
  /// Prepares a SERVFAIL of Pillion.
  void prepare_failure(const Key& key, const dns::ExtendedError& error, const Settings& settings);

  /// Changes NXDOMAIN to NODATA, since the name is known to have records of another type.
  void deny_type_alone();

  /// Header (id 0), question and records without OPT.
  [[nodiscard]] dns::Bytes wire() const { return wire_; }
  [[nodiscard]] std::span<const std::uint16_t> ttl_offsets() const { return writer_.ttl_offsets(); }
  /// The offsets of all compression pointers.
  [[nodiscard]] std::span<const std::uint16_t> pointer_offsets() const { return writer_.pointer_offsets(); }
  [[nodiscard]] AddressSet addresses() const { return addresses_; }
  /// The Extended DNS Errors of the reply as whole EDNS options.
  [[nodiscard]] dns::Bytes extended_errors() const { return extended_errors_; }
  /// The 12-bit RCODE of the reply.
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
