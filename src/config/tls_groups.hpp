#pragma once
// The groups of TLS's key exchange (RFC 8446 section 4.2.7) by OpenSSL's names, as the OpenSSL in use has them.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

/// True if the group's key share is a kilobyte or more, which makes two packets of a ClientHello: ML-KEM (FIPS 203),
/// alone or in a hybrid such as X25519MLKEM768.
[[nodiscard]] bool is_post_quantum(std::string_view group);

/// Empty where `group` names one group that OpenSSL has and that `before`, which it has accepted, does not have; else
/// what is wrong.
[[nodiscard]] std::string check_tls_group(const std::string& group, std::span<const std::string> before);

/// What is offered where the configuration names no groups: the hybrid of X25519 and ML-KEM where OpenSSL has it, then
/// the elliptic curves that resolvers use. Never finite fields, of which a server may choose one that takes a second.
[[nodiscard]] std::vector<std::string> default_tls_groups();

/// `groups` as SSL_CTX_set1_groups_list(3) takes them. Where the first is a post-quantum one, a key share of the first
/// other goes along, so that a server without the former needs no second round trip.
[[nodiscard]] std::string to_openssl_list(std::span<const std::string> groups);

}  // namespace pillion::config
