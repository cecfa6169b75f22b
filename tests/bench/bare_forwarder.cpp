// bare_forwarder: the floor to which `make bench` compares Pillion. It does the least work between TCP clients and one
// DNS-over-TLS connection with epoll and OpenSSL: it replaces ids and restores them, writes one TLS record a turn, and
// re-arms TCP_QUICKACK after each read. It only checks the upstream's certificate, has no limits, and drops its queries
// when the upstream closes.

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/clients.hpp"
#include "dns/wire.hpp"
#include "support/sockets.hpp"

namespace pillion::test {
namespace {

using dns::Bytes;

constexpr std::size_t read_size = 64UL * 1024;

struct Options {
  SocketAddress listen = SocketAddress::of("127.0.0.1", 0);
  SocketAddress upstream;
  std::string ca_file;
  std::string tls_name;
};

/// The client and the id of a query that has been sent with another id.
struct Asked {
  int client = -1;
  std::uint16_t id = 0;
};

class Forwarder {
 public:
  explicit Forwarder(Options options);
  [[noreturn]] void run();

 private:
  void connect_upstream();
  void read_client(int descriptor);
  void read_upstream();
  void flush_upstream();

  Options options_;
  FileDescriptor epoll_{::epoll_create1(EPOLL_CLOEXEC), "epoll"};
  Clients clients_{options_.listen, epoll_.get()};
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  std::optional<FileDescriptor> upstream_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  Stream upstream_in_;
  Stream upstream_out_;
  bool upstream_waits_ = false;  ///< waits until the socket takes more data
  std::vector<Asked> asked_ = std::vector<Asked>(65536);
  std::uint16_t next_id_ = 0;
  std::vector<std::uint8_t> read_buffer_ = std::vector<std::uint8_t>(read_size);
};

Forwarder::Forwarder(Options options) : options_(std::move(options)) {
  if (SSL_CTX_load_verify_file(context_.get(), options_.ca_file.c_str()) != 1) {
    throw std::runtime_error("cannot read " + options_.ca_file);
  }
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  connect_upstream();
  std::cout << "listening " << local_address(clients_.listener()).text() << std::endl;
}

void Forwarder::connect_upstream() {
  ssl_.reset(SSL_new(context_.get()));
  upstream_.emplace(connect_socket(options_.upstream, SOCK_STREAM));
  upstream_in_ = {};
  static constexpr std::array<unsigned char, 4> dot{3, 'd', 'o', 't'};
  SSL_set_alpn_protos(ssl_.get(), dot.data(), dot.size());
  SSL_set_tlsext_host_name(ssl_.get(), options_.tls_name.c_str());
  SSL_set1_host(ssl_.get(), options_.tls_name.c_str());
  SSL_set_fd(ssl_.get(), upstream_->get());
  SSL_set_read_ahead(ssl_.get(), 1);
  SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_connect(ssl_.get()) != 1) throw std::runtime_error("the upstream's handshake failed");
  check_call(::fcntl(upstream_->get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
  watch(epoll_.get(), EPOLL_CTL_ADD, upstream_->get(), EPOLLIN);
}

void Forwarder::read_client(int descriptor) {
  clients_.read(descriptor, [&](Bytes message) {
    const auto id = next_id_++;
    asked_[id] = {.client = descriptor, .id = dns::read_u16(message, 0)};
    upstream_out_.append_u16(static_cast<std::uint16_t>(message.size()));
    upstream_out_.append_u16(id);
    upstream_out_.append(message.subspan(2));
  });
}

void Forwarder::read_upstream() {
  for (;;) {
    const auto size = SSL_read(ssl_.get(), read_buffer_.data(), static_cast<int>(read_buffer_.size()));
    if (size <= 0) {
      const auto error = SSL_get_error(ssl_.get(), size);
      ERR_clear_error();
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
      ssl_.reset();  // the next query connects again
      upstream_.reset();
      return;
    }
    upstream_in_.append(Bytes(read_buffer_).first(static_cast<std::size_t>(size)));
  }
  // A server that leaves Nagle on waits for our acknowledgement before it sends its next small record.
  const int on = 1;
  ::setsockopt(upstream_->get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  upstream_in_.take_messages([&](Bytes message) {
    const auto asked = std::exchange(asked_[dns::read_u16(message, 0)], {});
    auto* out = clients_.answers_to(asked.client);
    if (out == nullptr) return;
    out->append_u16(static_cast<std::uint16_t>(message.size()));
    out->append_u16(asked.id);
    out->append(message.subspan(2));
  });
}

void Forwarder::flush_upstream() {
  if (upstream_out_.empty()) return;
  if (ssl_ == nullptr) connect_upstream();
  while (!upstream_out_.empty()) {
    const auto bytes = upstream_out_.bytes();
    const auto written = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (written <= 0) break;
    upstream_out_.consume(static_cast<std::size_t>(written));
  }
  ERR_clear_error();
  const bool waits = !upstream_out_.empty();
  if (waits != std::exchange(upstream_waits_, waits)) {
    watch(epoll_.get(), EPOLL_CTL_MOD, upstream_->get(), waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
}

void Forwarder::run() {
  std::array<epoll_event, 64> events{};
  for (;;) {
    const auto count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) check_call(count, "epoll_wait");
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const auto descriptor = event.data.fd;
      if (descriptor == clients_.listener()) {
        clients_.accept_all();
      } else if (upstream_ && descriptor == upstream_->get()) {
        read_upstream();
      } else {
        if ((event.events & EPOLLOUT) != 0) clients_.writable(descriptor);
        read_client(descriptor);
      }
    }
    flush_upstream();
    clients_.flush();
  }
}

Options read_options(const std::vector<std::string>& arguments) {
  Options options;
  std::map<std::string, std::string> given;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) given[arguments[i]] = arguments[i + 1];
  if (arguments.size() % 2 != 0 || given.size() != 4 || !given.contains("--listen") || !given.contains("--upstream") ||
      !given.contains("--ca") || !given.contains("--tls-name")) {
    throw std::invalid_argument("usage: bare_forwarder --listen A:P --upstream A:P --ca FILE --tls-name NAME");
  }
  options.listen = SocketAddress::parse(given["--listen"]);
  options.upstream = SocketAddress::parse(given["--upstream"]);
  options.ca_file = given["--ca"];
  options.tls_name = given["--tls-name"];
  return options;
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  try {
    ::signal(SIGPIPE, SIG_IGN);
    pillion::test::Forwarder(pillion::test::read_options({argv + 1, argv + argc})).run();
  } catch (const std::exception& error) {
    std::cerr << "bare_forwarder: " << error.what() << '\n';
    return 1;
  }
}
