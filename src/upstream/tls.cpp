#include "upstream/tls.hpp"

#include <algorithm>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "config/openssl_owners.hpp"
#include "config/tls_files.hpp"
#include "config/tls_groups.hpp"

namespace pillion::upstream {
namespace {

constexpr std::array<unsigned char, 4> alpn_dot = {3, 'd', 'o', 't'};  // IANA: "dot", RFC 7858
/// The cipher suites under TLS 1.2: ECDHE with AEAD (RFC 9325 sections 4.1 and 4.2). With DHE the server would choose
/// the modulus, and one of 10,000 bits blocks the loop for a second. The suites of TLS 1.3 are OpenSSL's.
constexpr auto tls1_2_ciphers =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

/// The index under which an SSL stores the address of its TlsIdentity.
int identity_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// The alert (RFC 8446 section 6) by which the server has ended the handshake, or nullopt if the error is not an
/// alert.
std::optional<int> alert_of(unsigned long code) {
  const auto reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET || reason > SSL_AD_REASON_OFFSET + 255)
    return {};
  return reason - SSL_AD_REASON_OFFSET;
}

std::string alert_text(int alert) {
  auto text = std::string("the server sent the alert \"") + SSL_alert_desc_string_long(alert) + '"';
  // Most servers without a cipher suite in common send this alert.
  if (alert == SSL_AD_HANDSHAKE_FAILURE)
    text += ": it may accept none of our cipher suites, which are ECDHE with AEAD alone under TLS 1.2";
  return text;
}

std::string openssl_text(unsigned long code) {
  if (code == 0) return "OpenSSL gives no reason";
  if (const auto alert = alert_of(code)) return alert_text(*alert);
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
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
    case X509_V_ERR_CERT_UNTRUSTED:
      return Error::certificate_untrusted;
    default:
      return Error::certificate_invalid;
  }
}

std::chrono::system_clock::time_point to_time_point(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::array<std::uint8_t, 32> decode_pin(std::string_view pin) {
  constexpr std::string_view prefix = "sha256/";
  constexpr std::size_t base64_size = 44;
  std::array<std::uint8_t, 33> decoded{};  // EVP_DecodeBlock writes the padding too
  if (!pin.starts_with(prefix) || pin.size() != prefix.size() + base64_size ||
      EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(pin.data() + prefix.size()),
                      base64_size) != 33) {
    throw std::runtime_error("pin \"" + std::string(pin) + "\" is not sha256/ and the base64 of 32 bytes");
  }
  std::array<std::uint8_t, 32> digest{};
  std::copy_n(decoded.begin(), digest.size(), digest.begin());
  return digest;
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

/// The name in UTF-8 as RFC 2253 writes it; empty if there is no memory for it.
std::string to_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, config::FreeBio> out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return {};
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string{};
}

struct FreeVerifyParam {
  void operator()(X509_VERIFY_PARAM* param) const { X509_VERIFY_PARAM_free(param); }
};

/// Throws an exception with `what` and OpenSSL's oldest error, unless `done`.
void must(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what + ": " + openssl_text(ERR_get_error()));
}

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
  X509_STORE_CTX_set_error(verification, when > 0 ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_ERR_CERT_NOT_YET_VALID);
  return 0;
}

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

/// The soonest end of validity in a chain, including the server's own certificate; nullopt if it has no certificates.
std::optional<std::chrono::system_clock::time_point> soonest_end(const STACK_OF(X509) * chain) {
  std::optional<std::chrono::system_clock::time_point> soonest;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto end = to_time_point(X509_get0_notAfter(sk_X509_value(chain, i)));
    soonest = std::min(soonest.value_or(end), end);
  }
  return soonest;
}

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
  const auto* const identity = static_cast<TlsIdentity*>(SSL_get_ex_data(ssl, identity_index()));
  if (identity != nullptr && identity->look_) identity->look_(X509_STORE_CTX_get0_chain(verification));
  return is_good;
}

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
    return {verification_error(verdict), X509_verify_cert_error_string(verdict)};
  }
  // RFC 7301 section 3.2: a server that supports none of the offered protocols sends this alert.
  const bool refuses_dot = alert_of(openssl_error) == SSL_AD_NO_APPLICATION_PROTOCOL;
  return {refuses_dot ? Error::alpn_mismatch : Error::tls_failed,
          openssl_error == 0 ? "connection closed during the handshake" : openssl_text(openssl_error)};
}

}  // namespace pillion::upstream
