#pragma once
// What is read from X.509 certificates.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/x509.h>

namespace pillion::upstream {

using SpkiDigest = std::array<std::uint8_t, 32>;
/// The SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7858 section 4.2), which is a pin; nullopt if OpenSSL
/// cannot compute it.
[[nodiscard]] std::optional<SpkiDigest> spki_digest(X509* certificate);
/// The digest in a pin, which is "sha256/" and the base64 of 32 bytes. Throws std::runtime_error for any other text.
[[nodiscard]] SpkiDigest decode_pin(std::string_view pin);

/// A time of a certificate; the epoch if OpenSSL cannot read it.
[[nodiscard]] std::chrono::system_clock::time_point to_time_point(const ASN1_TIME* time);
/// The soonest end of validity in a chain, including the server's own certificate; nullopt if it has no certificates.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> soonest_end(const STACK_OF(X509) * chain);

/// The time as OpenSSL prints it, such as "Nov 27 12:00:00 2026 GMT"; a text that says so if OpenSSL cannot read it.
[[nodiscard]] std::string to_text(const ASN1_TIME* time);
/// The name in UTF-8 as RFC 2253 writes it; empty if there is no memory for it.
[[nodiscard]] std::string to_text(const X509_NAME* name);
/// The DNS names and addresses for which a certificate is valid (subjectAltName, RFC 5280 section 4.2.1.6), in its
/// order. Control characters are replaced by `?`, and each name is cut to 60 bytes.
[[nodiscard]] std::vector<std::string> alternative_names(const X509* certificate);

}  // namespace pillion::upstream
