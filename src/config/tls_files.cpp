#include "config/tls_files.hpp"

#include <algorithm>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "config/openssl_owners.hpp"
#include "config/read_file.hpp"
#include "config/scalar.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t max_ca_file_size = std::size_t{2} << 20U;  // Mozilla's list of authorities has 220 kB
constexpr std::size_t max_client_file_size = std::size_t{1} << 20U;

struct FreeInfos {
  void operator()(STACK_OF(X509_INFO) * infos) const { sk_X509_INFO_pop_free(infos, X509_INFO_free); }
};
struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeX509>;

/// The reason of OpenSSL's oldest error. Clears OpenSSL's error queue.
std::string take_openssl_reason() {
  const char* const reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

Bio open_text(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Refuses when OpenSSL asks for a passphrase, which it would otherwise read from the terminal. `asked` points to a
/// bool that becomes true, or is nullptr.
int refuse_passphrase(char* /*buffer*/, int /*size*/, int /*is_for_writing*/, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

/// The text of the file of the key `name`. OpenSSL does not open it itself, since it would wait for the writer of a
/// FIFO.
std::expected<std::string, ClientFileFault> read_client_file(std::string_view name, const std::string& file) {
  auto text = read_file(file, max_client_file_size);
  if (text && text->size() > max_client_file_size) text = std::unexpected("it is longer than 1 MiB");
  if (!text) return std::unexpected(ClientFileFault{name, in_quotes(file) + " cannot be read: " + text.error()});
  return *std::move(text);
}

/// Makes `context` send the certificate at the start of a PEM file's text, and those that follow it as its chain. False
/// if OpenSSL cannot use one of them.
bool use_chain(SSL_CTX* context, const std::string& text) {
  const auto bio = open_text(text);
  if (!bio) return false;
  const Certificate own(PEM_read_bio_X509_AUX(bio.get(), nullptr, refuse_passphrase, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1 || SSL_CTX_clear_chain_certs(context) != 1) return false;
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, refuse_passphrase, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) return false;
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return false;
  ERR_clear_error();  // only the end of the file
  return true;
}

/// `asked` becomes true if the key has a passphrase.
bool use_key(SSL_CTX* context, const std::string& text, bool& asked) {
  const auto bio = open_text(text);
  if (!bio) return false;
  const std::unique_ptr<EVP_PKEY, FreeKey> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &asked));
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

std::string name_text(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool is_self_signed(X509* certificate) {
  return X509_self_signed(certificate, 0) == 1;
}

CaUse use_of(X509* certificate, const std::vector<CaCertificate>& all) {
  if (is_self_signed(certificate)) return CaUse::root;
  if (X509_check_ca(certificate) == 0) return CaUse::none;
  const bool has_issuer = std::ranges::any_of(all, [&](const CaCertificate& other) {
    return X509_check_issued(other.x509.get(), certificate) == X509_V_OK && X509_check_ca(other.x509.get()) != 0;
  });
  return has_issuer ? CaUse::intermediate : CaUse::anchor_intermediate;
}

bool is_anchor(const CaCertificate& certificate) {
  return certificate.use == CaUse::root || certificate.use == CaUse::anchor_intermediate;
}

}  // namespace

std::string CaCertificate::subject() const {
  return name_text(X509_get_subject_name(x509.get()));
}

std::string CaCertificate::issuer() const {
  return name_text(X509_get_issuer_name(x509.get()));
}

std::expected<std::vector<CaCertificate>, std::string> read_ca_file(const std::string& path) {
  const auto fault = [&](const std::string& problem) { return std::unexpected(in_quotes(path) + " " + problem); };
  const auto text = read_file(path, max_ca_file_size);
  if (!text) return fault("cannot be read: " + text.error());
  if (text->size() > max_ca_file_size) return fault("is longer than 2 MiB");
  ERR_clear_error();
  const auto bio = open_text(*text);
  const std::unique_ptr<STACK_OF(X509_INFO), FreeInfos> infos(
      bio ? PEM_X509_INFO_read_bio(bio.get(), nullptr, refuse_passphrase, nullptr) : nullptr);
  if (!infos) return fault("cannot be read: " + take_openssl_reason());
  std::vector<CaCertificate> certificates;
  for (int i = 0; i < sk_X509_INFO_num(infos.get()); ++i) {
    auto* const info = sk_X509_INFO_value(infos.get(), i);
    if (info->x509 != nullptr) certificates.emplace_back().x509.reset(std::exchange(info->x509, nullptr));
  }
  if (certificates.empty()) return fault("has no certificate");
  for (auto& certificate : certificates) certificate.use = use_of(certificate.x509.get(), certificates);
  if (std::ranges::none_of(certificates, is_anchor)) return fault("has no certificate of a CA");
  return certificates;
}

std::expected<void, ClientFileFault> use_client_certificate(SSL_CTX* context, const std::string& cert,
                                                            const std::string& key) {
  const auto chain = read_client_file("client_cert", cert);
  if (!chain) return std::unexpected(chain.error());
  const auto key_text = read_client_file("client_key", key);
  if (!key_text) return std::unexpected(key_text.error());

  bool asked = false;
  const auto fault = [&](std::string_view name, const std::string& file, const std::string& problem) {
    auto reason = take_openssl_reason();
    if (asked) reason = "it needs a passphrase, which Pillion has no way to ask for";
    return std::unexpected(ClientFileFault{name, in_quotes(file) + " " + problem + ": " + reason});
  };
  ERR_clear_error();
  if (!use_chain(context, *chain)) return fault("client_cert", cert, "cannot be used as a certificate");
  if (!use_key(context, *key_text, asked))
    return fault("client_key", key, "cannot be used as the key of " + in_quotes(cert));
  return {};
}

std::expected<void, ClientFileFault> check_client_certificate(const std::string& cert, const std::string& key) {
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return std::unexpected(ClientFileFault{"client_cert", "OpenSSL: " + take_openssl_reason()});
  return use_client_certificate(context.get(), cert, key);
}

}  // namespace pillion::config
