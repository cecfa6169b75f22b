#include "upstream/tls_identity.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "config/openssl_owners.hpp"
#include "upstream/openssl_error.hpp"
#include "upstream/rejected_certificate.hpp"
#include "upstream/tls_context.hpp"

namespace pillion::upstream {
namespace {

constexpr std::array<unsigned char, 4> alpn_dot = {3, 'd', 'o', 't'};  // IANA: "dot", RFC 7858

/// The index under which an SSL stores the address of its TlsIdentity.
int identity_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Error verification_error(long verdict) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Error::certificate_expired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Error::certificate_name;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // a CA of the issuer's name is trusted, and has another key
    case X509_V_ERR_CERT_UNTRUSTED:
      return Error::certificate_untrusted;
    default:
      return Error::certificate_invalid;
  }
}

/// The name of the group of the key exchange, under TLS 1.2 of the handshake that made the resumed session; empty if
/// OpenSSL does not know it.
std::string negotiated_group(SSL* ssl) {
  const auto group = SSL_get_negotiated_group(ssl);
  const char* const name = group == NID_undef ? nullptr : SSL_group_to_name(ssl, static_cast<int>(group));
  return name == nullptr ? std::string{} : name;
}

/// IANA's name of the cipher suite.
std::string negotiated_cipher(const SSL* ssl) {
  const char* const name = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
  return name == nullptr ? std::string{} : name;
}

struct FreeVerifyParam {
  void operator()(X509_VERIFY_PARAM* param) const { X509_VERIFY_PARAM_free(param); }
};

/// Makes OpenSSL verify the certificate for the server's name or, if it has none, for its address. False if OpenSSL
/// refuses: only the chain would then be verified.
[[nodiscard]] bool expect_identity(X509_VERIFY_PARAM* param, const config::Server& server) {
  return server.tls_name.empty()
             ? X509_VERIFY_PARAM_set1_ip_asc(param, server.endpoint.address.c_str()) == 1
             : X509_VERIFY_PARAM_set1_host(param, server.tls_name.c_str(), server.tls_name.size()) == 1;
}

/// Verifies a chain like X509_verify_cert(3), which checks the dates of an anchor only if it is self-signed, and
/// checks these dates for every anchor.
int verify_chain(X509_STORE_CTX* verification) {
  if (X509_verify_cert(verification) != 1) return 0;
  auto* const chain = X509_STORE_CTX_get0_chain(verification);
  const auto* const anchor = sk_X509_value(chain, sk_X509_num(chain) - 1);
  const int when = X509_cmp_timeframe(X509_STORE_CTX_get0_param(verification), X509_get0_notBefore(anchor),
                                      X509_get0_notAfter(anchor));
  if (when == 0) return 1;
  X509_STORE_CTX_set_current_cert(verification, sk_X509_value(chain, sk_X509_num(chain) - 1));
  X509_STORE_CTX_set_error(verification, when > 0 ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_ERR_CERT_NOT_YET_VALID);
  return 0;
}

}  // namespace

TlsIdentity::TlsIdentity(const config::Server& server) : server_(server) {
  pins_.reserve(server.pins.size());
  for (const auto& pin : server.pins) pins_.push_back(decode_pin(pin));
  ERR_clear_error();
  const std::unique_ptr<X509_VERIFY_PARAM, FreeVerifyParam> trial(X509_VERIFY_PARAM_new());
  must(trial && expect_identity(trial.get(), server),
       "certificates cannot be verified for " + (server.tls_name.empty() ? server.endpoint.address : server.tls_name));
}

std::expected<Groups, TlsFailure> TlsIdentity::prepare(SSL* ssl, const TlsContext& context, runtime::Time now) {
  const auto refuse = [](const std::string& what) {
    return std::unexpected(TlsFailure{Error::tls_failed, what + " cannot be set: " + openssl_text(ERR_get_error())});
  };
  ERR_clear_error();
  if (SSL_set_ex_data(ssl, identity_index(), this) != 1) return refuse("the server's identity");
  // This function returns 0 on success.
  if (SSL_set_alpn_protos(ssl, alpn_dot.data(), alpn_dot.size()) != 0) return refuse("ALPN");
  if (!expect_identity(SSL_get0_param(ssl), server_)) return refuse("the name to verify");
  if (!server_.tls_name.empty() && SSL_set_tlsext_host_name(ssl, server_.tls_name.c_str()) != 1) return refuse("SNI");
  // Without the session, the handshake is a full one.
  if (session_ && SSL_set_session(ssl, session_.get()) != 1) session_.reset();
  if (fallback_.to_offer(now) == Groups::all) return Groups::all;
  if (SSL_set1_groups_list(ssl, context.classical_groups().c_str()) != 1) return refuse("the classical groups");
  return Groups::classical;
}

void TlsIdentity::note_end(const SSL* ssl, const TlsContext& context, Groups offered, runtime::Time now) {
  if (context.classical_groups().empty()) return;
  if (BIO_number_read(SSL_get_rbio(ssl)) > 0) {
    fallback_.answered(offered, now);
  } else {
    fallback_.unanswered(offered);
  }
}

int TlsIdentity::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* const identity = static_cast<TlsIdentity*>(SSL_get_ex_data(ssl, identity_index()));
  if (identity == nullptr) return 0;
  identity->session_.reset(session);
  return 1;  // takes over the reference
}

int TlsIdentity::verify(X509_STORE_CTX* verification, void* /*argument*/) {
  const int is_good = verify_chain(verification);
  const auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const identity = static_cast<TlsIdentity*>(SSL_get_ex_data(ssl, identity_index()));
  if (identity == nullptr) return is_good;
  identity->rejection_ = is_good == 1 ? std::string{} : rejection_text(verification, identity->server_);
  if (identity->look_) identity->look_(X509_STORE_CTX_get0_chain(verification));
  return is_good;
}

std::expected<TlsFacts, TlsFailure> TlsIdentity::check(SSL* ssl) {
  const auto refuse = [this](Error error, std::string detail) {
    session_.reset();
    return std::unexpected(TlsFailure{error, std::move(detail)});
  };
  const std::unique_ptr<X509, config::FreeX509> certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate) return refuse(Error::certificate_invalid, "no certificate");
  if (const auto verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    return refuse(verification_error(verdict), X509_verify_cert_error_string(verdict));
  }
  TlsFacts facts;
  facts.resumed = SSL_session_reused(ssl) == 1;
  // A resumed session has the server's certificate, but not the chain.
  if (const auto seen = soonest_end(SSL_get0_verified_chain(ssl))) chain_not_after_ = seen;
  const auto own_end = to_time_point(X509_get0_notAfter(certificate.get()));
  facts.not_after = std::min(own_end, chain_not_after_.value_or(own_end));
  facts.version = SSL_get_version(ssl);
  facts.group = negotiated_group(ssl);
  facts.cipher = negotiated_cipher(ssl);
  facts.verified_name = server_.tls_name.empty() ? server_.endpoint.address : server_.tls_name;
  facts.subject = to_text(X509_get_subject_name(certificate.get()));
  facts.issuer = to_text(X509_get_issuer_name(certificate.get()));
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    return refuse(Error::certificate_expired, "certificate of the resumed session has expired");
  }
  if (!pins_.empty()) {
    const auto digest = spki_digest(certificate.get());
    const auto pin = digest ? std::ranges::find(pins_, *digest) : pins_.end();
    if (pin == pins_.end()) {
      return refuse(Error::pin_mismatch, "the SPKI of the server's certificate is not pinned");
    }
    facts.pin = server_.pins[static_cast<std::size_t>(pin - pins_.begin())];
  }
  const unsigned char* protocol = nullptr;
  unsigned int protocol_size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &protocol_size);
  // Servers without ALPN choose nothing, which RFC 7858 allows.
  if (protocol_size != 0 && !std::equal(protocol, protocol + protocol_size, alpn_dot.begin() + 1, alpn_dot.end())) {
    return refuse(Error::alpn_mismatch, std::string(reinterpret_cast<const char*>(protocol), protocol_size));
  }
  return facts;
}

TlsFailure TlsIdentity::explain(SSL* ssl, unsigned long openssl_error) {
  session_.reset();
  if (const auto verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    return {verification_error(verdict), rejection_.empty() ? X509_verify_cert_error_string(verdict) : rejection_};
  }
  // RFC 7301 section 3.2: a server that supports none of the offered protocols sends this alert.
  const bool refuses_dot = alert_of(openssl_error) == SSL_AD_NO_APPLICATION_PROTOCOL;
  return {refuses_dot ? Error::alpn_mismatch : Error::tls_failed,
          openssl_error == 0 ? "connection closed during the handshake" : openssl_text(openssl_error)};
}

}  // namespace pillion::upstream
