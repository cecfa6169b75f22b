#include "support/dns_client.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "support/certificates.hpp"
#include "support/tls_error.hpp"
#include "support/tls_server.hpp"

namespace pillion::test {
namespace {

bool is_readable(int socket, std::chrono::milliseconds limit) {
  pollfd watched{.fd = socket, .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, static_cast<int>(limit.count())) > 0;
}

void trust(SSL_CTX* context, const std::string& ca_pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size())),
                                                      BIO_free);
  const X509Pointer ca(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (ca == nullptr) throw std::runtime_error("CA: " + take_tls_error());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

void append_option(dns::Buffer& out, std::uint16_t code, const dns::Buffer& value) {
  dns::append_u16(out, code);
  dns::append_u16(out, static_cast<std::uint16_t>(value.size()));
  dns::append(out, value);
}

void append_opt(dns::Buffer& out, const QueryOptions& options) {
  out.push_back(0);
  dns::append_u16(out, dns::type::opt);
  dns::append_u16(out, options.udp_payload);
  dns::append_u16(out, 0);
  dns::append_u16(out, options.dnssec_ok ? 0x8000U : 0U);
  dns::append_u16(out, 0);
  const auto start = out.size();
  if (options.client_subnet) append_option(out, 8, {0, 1, 24, 0, 192, 0, 2});  // RFC 7871 6: 192.0.2.0/24
  if (options.keepalive) append_option(out, 11, {});
  if (options.padding > 0) append_option(out, 12, dns::Buffer(options.padding));
  dns::write_u16(out, start - 2, static_cast<std::uint16_t>(out.size() - start));
}

}  // namespace

dns::Buffer make_query(std::string_view name, std::uint16_t type, const QueryOptions& options) {
  dns::Buffer out;
  const bool with_opt =
      options.edns || options.dnssec_ok || options.keepalive || options.padding > 0 || options.client_subnet;
  for (const std::uint16_t field : {options.id, options.flags, std::uint16_t{1}, std::uint16_t{0}, std::uint16_t{0},
                                    static_cast<std::uint16_t>(with_opt ? 1 : 0)}) {
    dns::append_u16(out, field);
  }
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  out.push_back(0);
  dns::append_u16(out, type);
  dns::append_u16(out, options.klass);
  if (with_opt) append_opt(out, options);
  return out;
}

dns::Buffer framed(dns::Bytes message) {
  dns::Buffer out;
  dns::append_u16(out, static_cast<std::uint16_t>(message.size()));
  dns::append(out, message);
  return out;
}

StreamClient::StreamClient(const std::string& address, std::uint16_t port)
    : socket_(connect_socket(SocketAddress::of(address, port), SOCK_STREAM)) {}

StreamClient::StreamClient(const std::string& address, std::uint16_t port, const TlsClientOptions& options)
    : StreamClient(address, port) {
  context_.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
  if (!options.ca_pem.empty()) trust(context_.get(), options.ca_pem);
  ssl_.reset(SSL_new(context_.get()));
  if (!options.name.empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), options.name.c_str());
    SSL_set1_host(ssl_.get(), options.name.c_str());
  }
  static constexpr std::array<unsigned char, 4> dot{3, 'd', 'o', 't'};
  if (options.alpn) SSL_set_alpn_protos(ssl_.get(), dot.data(), dot.size());
  if (options.session != nullptr) SSL_set_session(ssl_.get(), options.session);
  SSL_set_fd(ssl_.get(), socket_.get());
  if (SSL_connect(ssl_.get()) != 1) throw std::runtime_error("TLS: " + take_tls_error());
}

bool StreamClient::send(dns::Bytes bytes) {
  if (ssl_ != nullptr) {
    const bool sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    ERR_clear_error();
    return sent;
  }
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool StreamClient::fill(std::chrono::milliseconds limit) {
  std::array<std::uint8_t, SSL3_RT_MAX_PLAIN_LENGTH> bytes{};
  const bool has_pending = ssl_ != nullptr && SSL_pending(ssl_.get()) > 0;
  if (!has_pending && !is_readable(socket_.get(), limit)) {
    ending_ = Ending::timeout;
    return false;
  }
  long size = 0;
  errno = 0;
  if (ssl_ == nullptr) {
    size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  } else {
    size = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  if (size > 0) {
    ++reads_;
    received_.insert(received_.end(), bytes.begin(), bytes.begin() + size);
    return true;
  }
  if (size < 0 && errno == ECONNRESET) {
    ending_ = Ending::reset;
  } else if (ssl_ != nullptr && SSL_get_error(ssl_.get(), static_cast<int>(size)) == SSL_ERROR_ZERO_RETURN) {
    ending_ = Ending::close_notify;
  } else {
    ending_ = Ending::end_of_stream;
  }
  ERR_clear_error();
  return false;
}

std::optional<dns::Buffer> StreamClient::receive(std::chrono::milliseconds limit) {
  for (;;) {
    if (received_.size() >= 2) {
      const auto end = received_.begin() + 2 + dns::read_u16(received_, 0);
      if (end <= received_.end()) {
        dns::Buffer message(received_.begin() + 2, end);
        received_.erase(received_.begin(), end);
        return message;
      }
    }
    if (!fill(limit)) return std::nullopt;
  }
}

StreamClient::Ending StreamClient::drain(std::chrono::milliseconds limit) {
  while (fill(limit)) received_.clear();
  return ending_;
}

void StreamClient::finish_sending() {
  if (ssl_ != nullptr) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  } else {
    ::shutdown(socket_.get(), SHUT_WR);
  }
}

std::uint16_t StreamClient::local_port() const {
  return local_address(socket_.get()).port();
}

std::shared_ptr<SSL_SESSION> StreamClient::session() const {
  return {SSL_get1_session(ssl_.get()), SSL_SESSION_free};
}

void StreamClient::close() {
  socket_.close();
}

UdpClient::UdpClient(const std::string& address, std::uint16_t port)
    : socket_(connect_socket(SocketAddress::of(address, port), SOCK_DGRAM)) {}

void UdpClient::send(dns::Bytes message) {
  check_call(::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL), "send");
}

std::optional<dns::Buffer> UdpClient::receive(std::chrono::milliseconds limit) {
  if (!is_readable(socket_.get(), limit)) return std::nullopt;
  dns::Buffer message(dns::max_message_size);
  const auto size = ::recv(socket_.get(), message.data(), message.size(), 0);
  if (size < 0) return std::nullopt;
  message.resize(static_cast<std::size_t>(size));
  return message;
}

std::uint16_t UdpClient::local_port() const {
  return local_address(socket_.get()).port();
}

}  // namespace pillion::test
