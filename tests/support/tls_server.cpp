#include "support/tls_server.hpp"

#include <array>

#include <openssl/pem.h>

#include "support/tls_error.hpp"

namespace pillion::test {
namespace {

/// The index of the SSL's data that keeps the client's ALPN offer, which OpenSSL only passes to the callback.
int offer_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* offer, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(offer); });
  return index;
}

void remember_offer(SSL* ssl, const unsigned char* offered, unsigned int size) {
  if (size == 0 || SSL_get_ex_data(ssl, offer_index()) != nullptr) return;
  auto offer = std::make_unique<std::string>(reinterpret_cast<const char*>(offered) + 1, offered[0]);
  if (SSL_set_ex_data(ssl, offer_index(), offer.get()) == 1) static_cast<void>(offer.release());
}

int choose_dot(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
               unsigned int size, void*) {
  remember_offer(ssl, offered, size);
  static constexpr std::array<unsigned char, 4> dot{3, 'd', 'o', 't'};
  unsigned char* match = nullptr;
  if (SSL_select_next_proto(&match, chosen_size, dot.data(), dot.size(), offered, size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

int choose_none(SSL* ssl, const unsigned char**, unsigned char*, const unsigned char* offered, unsigned int size,
                void*) {
  remember_offer(ssl, offered, size);
  return SSL_TLSEXT_ERR_NOACK;
}

int choose_other(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                 unsigned int size, void*) {
  remember_offer(ssl, offered, size);
  static constexpr std::array<unsigned char, 2> other{'h', '2'};
  *chosen = other.data();
  *chosen_size = other.size();
  return SSL_TLSEXT_ERR_OK;
}

int refuse(SSL* ssl, const unsigned char**, unsigned char*, const unsigned char* offered, unsigned int size, void*) {
  remember_offer(ssl, offered, size);
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX_alpn_select_cb_func alpn_callback(TlsManners::Alpn alpn) {
  switch (alpn) {
    case TlsManners::Alpn::dot:
      return choose_dot;
    case TlsManners::Alpn::none:
      return choose_none;
    case TlsManners::Alpn::other:
      return choose_other;
    case TlsManners::Alpn::refuse:
      break;
  }
  return refuse;
}

void require_client_certificate(SSL_CTX* context, const std::string& ca_pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size())),
                                                      BIO_free);
  const X509Pointer ca(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  check_tls(ca != nullptr, "client CA");
  check_tls(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) > 0, "client CA");
  check_tls(SSL_CTX_add_client_CA(context, ca.get()) > 0, "client CA");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

}  // namespace

TlsContext make_tls_context(const Identity& identity, const TlsManners& manners) {
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  check_tls(context != nullptr, "TLS context");
  auto* raw = context.get();
  check_tls(SSL_CTX_set_min_proto_version(raw, manners.min_version) > 0, "lowest TLS version");
  check_tls(SSL_CTX_set_max_proto_version(raw, manners.max_version) > 0, "highest TLS version");
  check_tls(SSL_CTX_use_certificate(raw, identity.certificate()) > 0, "certificate");
  check_tls(SSL_CTX_use_PrivateKey(raw, identity.key()) > 0, "key");
  for (const auto& intermediate : identity.chain()) {
    check_tls(SSL_CTX_add1_chain_cert(raw, intermediate.get()) > 0, "intermediate");
  }
  SSL_CTX_set_alpn_select_cb(raw, alpn_callback(manners.alpn), nullptr);
  // Without an id OpenSSL refuses to resume a session that had a client certificate.
  static constexpr std::array<unsigned char, 7> session_context{'p', 'i', 'l', 'l', 'i', 'o', 'n'};
  check_tls(SSL_CTX_set_session_id_context(raw, session_context.data(), session_context.size()) > 0, "session id");
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (!manners.tickets) {
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
    check_tls(SSL_CTX_set_num_tickets(raw, 0) > 0, "tickets");
  }
  if (!manners.client_ca.empty()) require_client_certificate(raw, manners.client_ca);
  return context;
}

std::string offered_alpn(const SSL* ssl) {
  const auto* offer = static_cast<const std::string*>(SSL_get_ex_data(ssl, offer_index()));
  return offer == nullptr ? std::string() : *offer;
}

}  // namespace pillion::test
