#include "upstream/certificate.hpp"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "config/openssl_owners.hpp"
#include "config/scalar.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;
namespace {

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string address_text(std::string_view bytes) {
  if (bytes.size() == 4) {
    asio::ip::address_v4::bytes_type v4{};
    bytes.copy(reinterpret_cast<char*>(v4.data()), v4.size());
    return asio::ip::address_v4(v4).to_string();
  }
  if (bytes.size() != 16) return {};
  asio::ip::address_v6::bytes_type v6{};
  bytes.copy(reinterpret_cast<char*>(v6.data()), v6.size());
  return asio::ip::address_v6(v6).to_string();
}

/// What `print` writes to a BIO in memory, or `otherwise` if it returns false or there is no memory.
template <typename Print>
std::string printed(Print print, std::string otherwise) {
  const std::unique_ptr<BIO, config::FreeBio> out(BIO_new(BIO_s_mem()));
  if (!out || !print(out.get())) return otherwise;
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(std::max(size, 0L))};
}

}  // namespace

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

std::string to_text(const ASN1_TIME* time) {
  return printed([&](BIO* out) { return ASN1_TIME_print(out, time) == 1; }, "a time that cannot be read");
}

std::string to_text(const X509_NAME* name) {
  return printed(
      [&](BIO* out) { return X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0; }, {});
}

std::vector<std::string> alternative_names(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> texts;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* const name = sk_GENERAL_NAME_value(names.get(), i);
    int type = 0;
    const auto* const value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &type));
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                 static_cast<std::size_t>(ASN1_STRING_length(value)));
    auto text = type == GEN_DNS ? config::one_line(bytes) : address_text(bytes);
    if (!text.empty()) texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace pillion::upstream
