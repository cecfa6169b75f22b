#include "upstream/tls_context.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "config/tls_files.hpp"
#include "config/tls_groups.hpp"
#include "upstream/certificate.hpp"
#include "upstream/openssl_error.hpp"
#include "upstream/tls_identity.hpp"

namespace pillion::upstream {
namespace {

/// The cipher suites under TLS 1.2: ECDHE with AEAD (RFC 9325 sections 4.1 and 4.2). With DHE the server would choose
/// the modulus, and one of 10,000 bits blocks the loop for a second. The suites of TLS 1.3 are OpenSSL's.
constexpr auto tls1_2_ciphers =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

void add_to(EVP_MD_CTX* digest, std::string_view text) {
  must(EVP_DigestUpdate(digest, text.data(), text.size()) == 1 && EVP_DigestUpdate(digest, "", 1) == 1, "SHA-256");
}

void add_to(EVP_MD_CTX* digest, const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> print{};
  unsigned int size = 0;
  must(X509_digest(certificate, EVP_sha256(), print.data(), &size) == 1 &&
           EVP_DigestUpdate(digest, print.data(), size) == 1,
       "SHA-256");
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};

}  // namespace

void TlsContext::trust(const std::string& ca_file, EVP_MD_CTX* digest) {
  auto certificates = config::read_ca_file(ca_file);
  if (!certificates) throw std::runtime_error("CA file " + certificates.error());
  auto* const ctx = context_.native_handle();
  for (const auto& certificate : *certificates) {
    auto* const x509 = certificate.x509.get();
    if (certificate.use == config::CaUse::none) continue;
    ++authorities_;
    add_to(digest, x509);
    // X509_V_FLAG_PARTIAL_CHAIN would make every intermediate an anchor, also one whose issuer is in the file.
    if (certificate.use == config::CaUse::anchor_intermediate)
      must(X509_add1_trust_object(x509, OBJ_nid2obj(NID_server_auth)) == 1, "CA file " + ca_file);
    must(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x509) == 1, "CA file " + ca_file);
  }
}

void TlsContext::show_client_certificate(const config::Tls& settings, EVP_MD_CTX* digest) {
  auto* const ctx = context_.native_handle();
  const auto used = config::use_client_certificate(ctx, settings.client_cert, settings.client_key);
  if (!used) throw std::runtime_error(std::string(used.error().key) + ": " + used.error().problem);
  const auto* const certificate = SSL_CTX_get0_certificate(ctx);
  STACK_OF(X509)* chain = nullptr;
  must(SSL_CTX_ctrl(ctx, SSL_CTRL_GET_CHAIN_CERTS, 0, static_cast<void*>(&chain)) == 1, "client_cert");
  // Without this text, an authority could be mistaken for the client's certificate.
  add_to(digest, "client_cert");
  add_to(digest, certificate);
  for (int i = 0; i < sk_X509_num(chain); ++i) add_to(digest, sk_X509_value(chain, i));
  const auto own_end = to_time_point(X509_get0_notAfter(certificate));
  client_not_after_ = std::min(own_end, soonest_end(chain).value_or(own_end));
}

TlsContext::TlsContext(const config::Tls& settings) : context_(boost::asio::ssl::context::tls_client) {
  auto* const ctx = context_.native_handle();
  ERR_clear_error();
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> digest(EVP_MD_CTX_new());
  must(digest && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1, "SHA-256");
  must(SSL_CTX_set_min_proto_version(
           ctx, settings.min_version == config::TlsVersion::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1,
       "TLS version");
  must(SSL_CTX_set_cipher_list(ctx, tls1_2_ciphers) == 1, "TLS 1.2 cipher suites");
  const auto groups = settings.groups.empty() ? config::default_tls_groups() : settings.groups;
  must(SSL_CTX_set1_groups_list(ctx, config::to_openssl_list(groups).c_str()) == 1, "TLS groups");
  std::vector<std::string> classical;
  std::ranges::remove_copy_if(groups, std::back_inserter(classical), config::is_post_quantum);
  if (classical.size() < groups.size()) classical_groups_ = config::to_openssl_list(classical);
  add_to(digest.get(), to_string(settings.min_version));
  add_to(digest.get(), config::to_openssl_list(groups));
  trust(settings.ca_file, digest.get());
  if (!settings.client_cert.empty()) show_client_certificate(settings, digest.get());
  must(EVP_DigestFinal_ex(digest.get(), digest_.data(), nullptr) == 1, "SHA-256");
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx, &TlsIdentity::verify, nullptr);
  // Connections are idle most of the time and need no buffers of 34 kB then.
  must((SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS) & SSL_MODE_RELEASE_BUFFERS) != 0, "TLS mode");
  constexpr std::uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;
  must((SSL_CTX_set_options(ctx, options) & options) == options, "TLS options");
  // The server's TlsIdentity keeps the sessions. OpenSSL's cache does not know which server a session belongs to.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, &TlsIdentity::keep_session);
  // RFC 7858 section 4.1 and RFC 8310 section 8.1: identities are SANs, never the subject's common name.
  X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx),
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
}

}  // namespace pillion::upstream
