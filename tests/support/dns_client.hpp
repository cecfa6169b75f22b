#pragma once
// Blocking DNS clients for tests: over TCP, TLS or UDP, one message at a time or raw bytes. Each wait has a time limit.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "dns/wire.hpp"
#include "support/sockets.hpp"

namespace pillion::test {

struct QueryOptions {
  std::uint16_t id = 0x1234;
  std::uint16_t klass = dns::klass::in;
  std::uint16_t flags = dns::flag::rd;
  bool edns = false;
  bool dnssec_ok = false;
  std::uint16_t udp_payload = 1232;
  bool keepalive = false;   ///< an empty edns-tcp-keepalive option
  std::size_t padding = 0;  ///< bytes in a padding option; 0 for no option
  bool client_subnet = false;
};

/// A whole query without a length prefix. `name` has dots between labels and no escapes; "" is the root.
[[nodiscard]] dns::Buffer make_query(std::string_view name, std::uint16_t type, const QueryOptions& options = {});

/// The same bytes after their length prefix (RFC 1035 4.2.2).
[[nodiscard]] dns::Buffer framed(dns::Bytes message);

struct TlsClientOptions {
  std::string ca_pem = {};         ///< empty: the certificate is not checked
  std::string name = {};           ///< for SNI and the verification; empty: neither
  bool alpn = true;                ///< offers "dot"
  SSL_SESSION* session = nullptr;  ///< the session to resume
  int max_version = TLS1_3_VERSION;
};

/// TCP, or TLS over it. Throws std::system_error or std::runtime_error if the connection or the handshake fails.
class StreamClient {
 public:
  StreamClient(const std::string& address, std::uint16_t port);
  StreamClient(const std::string& address, std::uint16_t port, const TlsClientOptions& options);

  /// Sends bytes unchanged. False if the connection has ended.
  bool send(dns::Bytes bytes);
  bool send_message(dns::Bytes message) { return send(framed(message)); }
  /// The next whole message; nullopt if the connection ends first or `limit` passes, with the case in `ending`.
  [[nodiscard]] std::optional<dns::Buffer> receive(std::chrono::milliseconds limit = std::chrono::seconds{20});

  enum class Ending : std::uint8_t { open, timeout, end_of_stream, close_notify, reset };
  [[nodiscard]] Ending ending() const { return ending_; }
  /// Reads and discards data until the connection ends.
  Ending drain(std::chrono::milliseconds limit = std::chrono::seconds{20});

  /// Closes the sending side: close_notify over TLS, FIN over TCP.
  void finish_sending();
  /// The number of reads (of records over TLS) in which the messages so far came.
  [[nodiscard]] std::size_t reads() const { return reads_; }
  [[nodiscard]] std::uint16_t local_port() const;
  [[nodiscard]] const SSL* ssl() const { return ssl_.get(); }
  /// The session, which another client can resume. Over TLS 1.3 there is none before the first message.
  [[nodiscard]] std::shared_ptr<SSL_SESSION> session() const;
  void close();

 private:
  /// Frees the SSL and keeps the session resumable: OpenSSL invalidates it if a connection ends without close_notify.
  struct Free {
    void operator()(SSL* ssl) const {
      SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
      SSL_free(ssl);
    }
  };
  bool fill(std::chrono::milliseconds limit);

  FileDescriptor socket_;
  std::shared_ptr<SSL_CTX> context_;
  std::unique_ptr<SSL, Free> ssl_;
  dns::Buffer received_;
  std::size_t reads_ = 0;
  Ending ending_ = Ending::open;
};

class UdpClient {
 public:
  UdpClient(const std::string& address, std::uint16_t port);
  void send(dns::Bytes message);
  /// The next message; nullopt if none comes within `limit`.
  [[nodiscard]] std::optional<dns::Buffer> receive(std::chrono::milliseconds limit = std::chrono::seconds{20});
  [[nodiscard]] std::uint16_t local_port() const;

 private:
  FileDescriptor socket_;
};

/// Fields of a received message that tests compare. The message has at least 12 bytes.
[[nodiscard]] inline std::uint16_t id_of(dns::Bytes message) {
  return dns::read_u16(message, 0);
}
[[nodiscard]] inline std::uint16_t rcode_of(dns::Bytes message) {
  return dns::read_u16(message, 2) & 0xfU;
}
[[nodiscard]] inline bool is_truncated(dns::Bytes message) {
  return (dns::read_u16(message, 2) & dns::flag::tc) != 0;
}
[[nodiscard]] inline std::uint16_t answers_of(dns::Bytes message) {
  return dns::read_u16(message, 6);
}

}  // namespace pillion::test
