#include "upstream/certificate.hpp"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <memory>
#include <stdexcept>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "config/openssl_owners.hpp"

namespace pillion::upstream {

std::optional<SpkiDigest> spki_digest(X509* certificate) {
  unsigned char* spki = nullptr;
  const auto spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
  if (spki_size <= 0) return std::nullopt;
  SpkiDigest digest{};
  unsigned int size = 0;
  const auto done = EVP_Digest(spki, static_cast<std::size_t>(spki_size), digest.data(), &size, EVP_sha256(), nullptr);
  OPENSSL_free(spki);
  if (done != 1 || size != digest.size()) return std::nullopt;
  return digest;
}

SpkiDigest decode_pin(std::string_view pin) {
  constexpr std::string_view prefix = "sha256/";
  constexpr std::size_t base64_size = 44;
  std::array<std::uint8_t, 33> decoded{};  // EVP_DecodeBlock writes the padding too
  if (!pin.starts_with(prefix) || pin.size() != prefix.size() + base64_size ||
      EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(pin.data() + prefix.size()),
                      base64_size) != 33) {
    throw std::runtime_error("pin \"" + std::string(pin) + "\" is not sha256/ and the base64 of 32 bytes");
  }
  SpkiDigest digest{};
  std::copy_n(decoded.begin(), digest.size(), digest.begin());
  return digest;
}

std::chrono::system_clock::time_point to_time_point(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::optional<std::chrono::system_clock::time_point> soonest_end(const STACK_OF(X509) * chain) {
  std::optional<std::chrono::system_clock::time_point> soonest;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto end = to_time_point(X509_get0_notAfter(sk_X509_value(chain, i)));
    soonest = std::min(soonest.value_or(end), end);
  }
  return soonest;
}

std::string to_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, config::FreeBio> out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return {};
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string{};
}

}  // namespace pillion::upstream
