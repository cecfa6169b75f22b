#pragma once
// The key-exchange groups of TLS (RFC 8446 section 4.2.7), by the names that the installed OpenSSL has for them.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

/// True if the group is ML-KEM (FIPS 203), alone or in a hybrid such as X25519MLKEM768. Its key share has about a
/// kilobyte, so that the ClientHello takes two packets.
[[nodiscard]] bool is_post_quantum(std::string_view group);

/// Empty if OpenSSL has the group `group` and `before` does not contain it by any name; else what is wrong. OpenSSL
/// must already have accepted each group in `before`.
[[nodiscard]] std::string check_tls_group(const std::string& group, std::span<const std::string> before);

/// The groups that Pillion offers if the configuration names none: the hybrid of X25519 and ML-KEM if OpenSSL has it,
/// then the elliptic curves that resolvers use. It has no finite-field groups, since a server might choose one that
/// takes a second.
[[nodiscard]] std::vector<std::string> default_tls_groups();

/// `groups` in the form that SSL_CTX_set1_groups_list(3) takes. If the first group is post-quantum and OpenSSL is 3.5
/// or later, the ClientHello also has a key share of the first group that is not. A server without post-quantum groups
/// then needs no second round trip.
[[nodiscard]] std::string to_openssl_list(std::span<const std::string> groups);

}  // namespace pillion::config
