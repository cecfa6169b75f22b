#include "support/certificates.hpp"

#include <array>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "support/tls_error.hpp"

namespace pillion::test {
namespace {

KeyPointer new_key() {
  KeyPointer key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  check_tls(key != nullptr, "EC key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), X509_EXTENSION_free);
  check_tls(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "extension " + value);
}

void set_random_serial(X509* certificate) {
  std::array<unsigned char, 8> bytes{};
  check_tls(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "serial number");
  std::uint64_t serial = 0;
  for (const auto byte : bytes) serial = serial << 8U | byte;
  check_tls(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1U) == 1, "serial number");
}

/// A certificate without extensions and signature. `issuer` is null for a self-issued one.
X509Pointer new_certificate(const std::string& common_name, EVP_PKEY* key, X509* issuer,
                            std::chrono::seconds not_before, std::chrono::seconds not_after) {
  X509Pointer certificate(X509_new(), X509_free);
  check_tls(certificate != nullptr, "certificate");
  auto* raw = certificate.get();
  check_tls(X509_set_version(raw, X509_VERSION_3) == 1, "version");
  set_random_serial(raw);
  X509_gmtime_adj(X509_getm_notBefore(raw), not_before.count());
  X509_gmtime_adj(X509_getm_notAfter(raw), not_after.count());
  auto* name = X509_get_subject_name(raw);
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  check_tls(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, "subject");
  check_tls(X509_set_issuer_name(raw, issuer == nullptr ? name : X509_get_subject_name(issuer)) == 1, "issuer");
  check_tls(X509_set_pubkey(raw, key) == 1, "public key");
  return certificate;
}

void sign(X509* certificate, EVP_PKEY* key) {
  check_tls(X509_sign(certificate, key, EVP_sha256()) > 0, "signature");
}

X509Pointer new_authority(const std::string& common_name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  auto certificate = new_certificate(common_name, key, issuer, -std::chrono::hours{24}, std::chrono::hours{24 * 365});
  auto* raw = certificate.get();
  auto* signer = issuer == nullptr ? raw : issuer;
  add_extension(raw, signer, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(raw, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(raw, signer, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) add_extension(raw, signer, NID_authority_key_identifier, "keyid");
  sign(raw, issuer_key);
  return certificate;
}

X509Pointer new_leaf(const CertificateOptions& options, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  auto certificate = new_certificate(options.common_name, key, issuer, options.not_before, options.not_after);
  auto* raw = certificate.get();
  auto* signer = issuer == nullptr ? raw : issuer;
  add_extension(raw, signer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(raw, signer, NID_key_usage, "critical,digitalSignature");
  const bool is_server = options.purpose == CertificateOptions::Purpose::server;
  add_extension(raw, signer, NID_ext_key_usage, is_server ? "serverAuth" : "clientAuth");
  add_extension(raw, signer, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) add_extension(raw, signer, NID_authority_key_identifier, "keyid");
  std::string alternatives;
  for (const auto& name : options.dns_names) alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + name;
  for (const auto& address : options.addresses) alternatives += (alternatives.empty() ? "IP:" : ",IP:") + address;
  if (!alternatives.empty()) add_extension(raw, signer, NID_subject_alt_name, alternatives);
  sign(raw, issuer_key);
  return certificate;
}

using BioPointer = std::unique_ptr<BIO, decltype(&BIO_free)>;

BioPointer memory_bio() {
  BioPointer bio(BIO_new(BIO_s_mem()), BIO_free);
  check_tls(bio != nullptr, "memory BIO");
  return bio;
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  const auto bio = memory_bio();
  check_tls(PEM_write_bio_X509(bio.get(), certificate) == 1, "PEM of a certificate");
  return contents(bio.get());
}

}  // namespace

Identity::Identity(KeyPointer key, X509Pointer certificate, std::vector<X509Pointer> chain)
    : key_(std::move(key)), certificate_(std::move(certificate)), chain_(std::move(chain)) {}

std::string Identity::certificate_pem() const {
  auto pem = to_pem(certificate_.get());
  for (const auto& intermediate : chain_) pem += to_pem(intermediate.get());
  return pem;
}

std::string Identity::key_pem() const {
  const auto bio = memory_bio();
  check_tls(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
            "PEM of a key");
  return contents(bio.get());
}

std::string Identity::pin() const {
  unsigned char* der = nullptr;
  const auto size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate_.get()), &der);
  check_tls(size > 0, "SubjectPublicKeyInfo");
  std::array<unsigned char, 32> digest{};
  const bool hashed =
      EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  check_tls(hashed, "SHA-256");
  std::array<unsigned char, 48> text{};
  const auto length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return "sha256/" + std::string(text.begin(), text.begin() + length);
}

CertificateAuthority::CertificateAuthority(const std::string& common_name) : key_(new_key()) {
  certificate_ = new_authority(common_name, key_.get(), nullptr, key_.get());
}

CertificateAuthority::CertificateAuthority(KeyPointer key, X509Pointer certificate, std::vector<X509Pointer> chain)
    : key_(std::move(key)), certificate_(std::move(certificate)), chain_(std::move(chain)) {}

CertificateAuthority CertificateAuthority::intermediate(const std::string& common_name) const {
  auto key = new_key();
  auto certificate = new_authority(common_name, key.get(), certificate_.get(), key_.get());
  std::vector<X509Pointer> chain{certificate};
  chain.insert(chain.end(), chain_.begin(), chain_.end());
  return {std::move(key), std::move(certificate), std::move(chain)};
}

Identity CertificateAuthority::issue(const CertificateOptions& options) const {
  auto key = new_key();
  auto certificate = new_leaf(options, key.get(), certificate_.get(), key_.get());
  return {std::move(key), std::move(certificate), chain_};
}

std::string CertificateAuthority::certificate_pem() const {
  return to_pem(certificate_.get());
}

Identity self_signed(const CertificateOptions& options) {
  auto key = new_key();
  auto certificate = new_leaf(options, key.get(), nullptr, key.get());
  return {std::move(key), std::move(certificate), {}};
}

Identity read_identity(const std::string& certificate_file, const std::string& key_file) {
  const BioPointer certificates(BIO_new_file(certificate_file.c_str(), "r"), BIO_free);
  check_tls(certificates != nullptr, certificate_file);
  std::vector<X509Pointer> chain;
  while (auto* certificate = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
    chain.emplace_back(certificate, X509_free);
  }
  check_tls(!chain.empty(), certificate_file);
  ERR_clear_error();  // the end of the file has left the error "no start line"
  const BioPointer keys(BIO_new_file(key_file.c_str(), "r"), BIO_free);
  check_tls(keys != nullptr, key_file);
  KeyPointer key(PEM_read_bio_PrivateKey(keys.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  check_tls(key != nullptr, key_file);
  auto leaf = chain.front();
  chain.erase(chain.begin());
  return {std::move(key), std::move(leaf), std::move(chain)};
}

}  // namespace pillion::test
