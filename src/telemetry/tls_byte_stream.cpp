#include "telemetry/tls_byte_stream.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "telemetry/close_socket.hpp"

namespace pillion::telemetry {
namespace {

constexpr std::chrono::seconds handshake_patience{5};

struct FreeTlsContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeTlsHandle {
  void operator()(SSL* tls) const { SSL_free(tls); }
};
using Context = std::unique_ptr<SSL_CTX, FreeTlsContext>;
using TlsHandle = std::unique_ptr<SSL, FreeTlsHandle>;

/// The oldest error in OpenSSL's queue, or `otherwise` if the queue is empty.
std::string openssl_reason(const std::string& otherwise) {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason == nullptr ? otherwise : reason;
}

/// The reason why a call of OpenSSL failed. `system_error` is errno directly after that call.
std::string reason_of(SSL* tls, int result, int system_error) {
  switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_ZERO_RETURN:
      return closed_by_server;
    case SSL_ERROR_SYSCALL:
      if (system_error != 0) return std::generic_category().message(system_error);
      [[fallthrough]];
    default:
      return openssl_reason("the connection ended within TLS");
  }
}

/// The events of poll(2) that OpenSSL waits for; 0 if it waits for none.
short awaited(SSL* tls, int result) {
  const int error = SSL_get_error(tls, result);
  if (error == SSL_ERROR_WANT_READ) return POLLIN;
  return error == SSL_ERROR_WANT_WRITE ? POLLOUT : short{0};
}

class TlsByteStream final : public ByteStream {
 public:
  TlsByteStream(runtime::UniqueDescriptor socket, TlsHandle tls) : socket_(std::move(socket)), tls_(std::move(tls)) {}

  bool is_open() override {
    std::array<char, 512> dropped{};
    for (unsigned i = 0; i < reads_at_once; ++i) {
      ERR_clear_error();
      const int result = SSL_read(tls_.get(), dropped.data(), static_cast<int>(dropped.size()));
      if (result > 0) continue;
      if (awaited(tls_.get(), result) == 0) return false;
      break;
    }
    return !is_closed_by_reader(socket_.get());
  }

  std::expected<std::size_t, std::string> write_some(std::string_view bytes, SinkWaits& waits) override {
    for (;;) {
      ERR_clear_error();
      errno = 0;
      const int result =
          SSL_write(tls_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
      if (result > 0) return static_cast<std::size_t>(result);
      const auto events = awaited(tls_.get(), result);
      if (events == 0) return std::unexpected(reason_of(tls_.get(), result, errno));
      if (is_closed_by_reader(socket_.get())) return std::unexpected(closed_by_server);
      if (!waits.ready(socket_.get(), static_cast<short>(events | POLLRDHUP))) return 0;
    }
  }

  void close(SinkWaits& waits) override {
    ERR_clear_error();
    // The peer's close_notify is not needed: close_socket() waits for the end of the connection.
    SSL_shutdown(tls_.get());
    close_socket(std::move(socket_), waits);
  }

 private:
  runtime::UniqueDescriptor socket_;
  TlsHandle tls_;
};

/// The reason why the peer's certificate was refused, or else OpenSSL's error.
std::string handshake_error(SSL* tls, int result, int system_error) {
  const auto verdict = SSL_get_verify_result(tls);
  if (verdict != X509_V_OK) {
    ERR_clear_error();
    return std::string("certificate: ") + X509_verify_cert_error_string(verdict);
  }
  return reason_of(tls, result, system_error);
}

std::expected<TlsHandle, std::string> make_tls(const TlsPeer& peer, int socket) {
  ERR_clear_error();
  const Context context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1)
    return std::unexpected(openssl_reason("no TLS"));
  if (SSL_CTX_load_verify_locations(context.get(), peer.ca_file.c_str(), nullptr) != 1)
    return std::unexpected(peer.ca_file + ": " + openssl_reason("cannot be read"));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Otherwise one SSL_read() would handle session tickets and updates of keys for as long as the server sends them.
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  TlsHandle tls(SSL_new(context.get()));
  const bool is_named = tls && (peer.name.empty() ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls.get()),
                                                                                  peer.endpoint.address.c_str()) == 1
                                                  : SSL_set1_host(tls.get(), peer.name.c_str()) == 1 &&
                                                        SSL_set_tlsext_host_name(tls.get(), peer.name.c_str()) == 1);
  if (!is_named || SSL_set_fd(tls.get(), socket) != 1) return std::unexpected(openssl_reason("no TLS"));
  return tls;
}

}  // namespace

std::expected<std::unique_ptr<ByteStream>, std::string> tls_stream(runtime::UniqueDescriptor socket,
                                                                   const TlsPeer& peer, SinkWaits& waits) {
  auto tls = make_tls(peer, socket.get());
  if (!tls) return std::unexpected(tls.error());
  const auto end = std::chrono::steady_clock::now() + handshake_patience;
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_connect(tls->get());
    if (result == 1) return std::make_unique<TlsByteStream>(std::move(socket), std::move(*tls));
    const auto events = awaited(tls->get(), result);
    if (events == 0) return std::unexpected(handshake_error(tls->get(), result, errno));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !waits.ready(socket.get(), events, left))
      return std::unexpected("the TLS handshake takes too long");
  }
}

}  // namespace pillion::telemetry
