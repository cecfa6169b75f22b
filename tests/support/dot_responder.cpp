// dot_responder: a DNS-over-TLS resolver that computes its answers (answers.hpp). `make demo` asks it through Pillion,
// and `make bench` uses it as an upstream that is never the bottleneck: one epoll loop for each thread, all answers of
// a read in one TLS record, TCP_NODELAY.

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <openssl/ssl.h>

#include "support/answers.hpp"
#include "support/certificates.hpp"
#include "support/sockets.hpp"
#include "support/tls_error.hpp"
#include "support/tls_server.hpp"

namespace pillion::test {
namespace {

constexpr std::string_view usage = R"(usage: dot_responder [options]
A DNS-over-TLS resolver on loopback that makes its answers up; for tests, the demo and the benchmark. Names that begin with
"silent" have no answer.

  --listen A:P       address and port; port 0 lets the kernel choose          (127.0.0.1:0)
  --tls-name NAME    the name in the throwaway certificate                    (dot.example)
  --write-ca FILE    writes the throwaway CA, for the client's ca_file
  --cert FILE        PEM certificate and chain instead of a throwaway one, with
  --key FILE         its key
  --threads N        loops, each with a listening socket of its own           (1)
  --padding N        block that answers to padded queries are padded to       (468; 0: none)
  --no-tickets       no session can be resumed

Prints "listening A:P" once it accepts connections. SIGTERM or SIGINT ends it.
Example: dot_responder --listen 127.0.0.1:8853 --write-ca ca.pem
)";

struct Options {
  SocketAddress listen = SocketAddress::of("127.0.0.1", 0);
  std::string tls_name = "dot.example";
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::size_t threads = 1;
  std::size_t padding = 468;
  bool tickets = true;
};

template <typename Number>
Number to_number(std::string_view text, Number least, Number most) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) {
    throw std::invalid_argument("not a number in range: " + std::string(text));
  }
  return number;
}

Options read_options(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& key = arguments[i];
    if (key == "--no-tickets") {
      options.tickets = false;
      continue;
    }
    if (i + 1 == arguments.size()) throw std::invalid_argument("unknown option or missing value: " + key);
    const auto& value = arguments[++i];
    if (key == "--listen") {
      options.listen = SocketAddress::parse(value);
    } else if (key == "--tls-name") {
      options.tls_name = value;
    } else if (key == "--write-ca") {
      options.ca_file = value;
    } else if (key == "--cert") {
      options.certificate_file = value;
    } else if (key == "--key") {
      options.key_file = value;
    } else if (key == "--threads") {
      options.threads = to_number<std::size_t>(value, 1, 64);
    } else if (key == "--padding") {
      options.padding = to_number<std::size_t>(value, 0, 4096);
    } else {
      throw std::invalid_argument("unknown option: " + key);
    }
  }
  if (options.certificate_file.empty() != options.key_file.empty())
    throw std::invalid_argument("--cert and --key go together");
  if (!options.certificate_file.empty() && !options.ca_file.empty())
    throw std::invalid_argument("--write-ca needs a throwaway CA");
  return options;
}

Identity make_identity(const Options& options) {
  if (!options.certificate_file.empty()) return read_identity(options.certificate_file, options.key_file);
  const CertificateAuthority authority("Pillion throwaway CA");
  CertificateOptions leaf;
  leaf.common_name = options.tls_name;
  leaf.dns_names = {options.tls_name};
  if (!options.ca_file.empty()) {
    std::ofstream file(options.ca_file);
    file << authority.certificate_pem();
    file.close();
    if (!file) throw std::runtime_error("cannot write " + options.ca_file);
  }
  return authority.issue(leaf);
}

constexpr std::string_view silent = "silent";

bool is_silent(const ParsedQuery& query) {
  return query.name[0] >= silent.size() &&
         std::ranges::equal(query.name.subspan(1, silent.size()), silent, std::equal_to<std::uint8_t>{}, lower);
}

/// One client's connection.
class Connection {
 public:
  Connection(int descriptor, SSL_CTX* context, const AnswerOptions& answers)
      : socket_(descriptor, "accept"), ssl_(SSL_new(context), SSL_free), answers_(answers) {
    set_no_delay(descriptor);
    if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), descriptor) != 1) throw std::bad_alloc();
    SSL_set_accept_state(ssl_.get());
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_read_ahead(ssl_.get(), 1);
  }

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// True if the loop must wait until the socket takes more data.
  [[nodiscard]] bool wants_write() const { return sent_ < out_.size(); }

  /// Reads, answers and writes until the socket would block. False if the connection has ended.
  bool serve() {
    for (;;) {
      if (!flush()) return false;
      if (wants_write()) return true;  // do not read from a client that does not read
      const auto outcome = read_batch();
      if (outcome != Outcome::answered) return outcome == Outcome::would_block && flush();
    }
  }

 private:
  enum class Outcome { answered, would_block, over };
  static constexpr std::size_t batch_bytes = 64 * 1024;  // answers that are gathered before one write

  /// Handles the received data, up to one batch of answers.
  Outcome read_batch() {
    while (out_.size() < batch_bytes) {
      if (in_.size() - filled_ < SSL3_RT_MAX_PLAIN_LENGTH) in_.resize(filled_ + SSL3_RT_MAX_PLAIN_LENGTH);
      const auto room = static_cast<int>(in_.size() - filled_);
      const auto size = SSL_read(ssl_.get(), in_.data() + filled_, room);
      if (size <= 0) {
        const auto error = SSL_get_error(ssl_.get(), size);
        static_cast<void>(take_tls_error());
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Outcome::would_block;
        return Outcome::over;
      }
      filled_ += static_cast<std::size_t>(size);
      if (!answer_whole_messages()) return Outcome::over;
    }
    return Outcome::answered;
  }

  bool answer_whole_messages() {
    std::size_t offset = 0;
    while (filled_ - offset >= 2) {
      const std::size_t size = dns::read_u16(in_, offset);
      if (filled_ - offset - 2 < size) break;
      const auto query = parse_query(dns::Bytes(in_).subspan(offset + 2, size));
      if (!query) return false;
      offset += 2 + size;
      if (is_silent(*query)) continue;
      const auto start = out_.size();
      dns::append_u16(out_, 0);
      append_answer(*query, answers_, out_);
      dns::write_u16(out_, start, static_cast<std::uint16_t>(out_.size() - start - 2));
    }
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(offset), in_.begin() + static_cast<std::ptrdiff_t>(filled_),
              in_.begin());
    filled_ -= offset;
    return true;
  }

  bool flush() {
    while (wants_write()) {
      const auto written = SSL_write(ssl_.get(), out_.data() + sent_, static_cast<int>(out_.size() - sent_));
      if (written <= 0) {
        const auto error = SSL_get_error(ssl_.get(), written);
        static_cast<void>(take_tls_error());
        return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
      }
      sent_ += static_cast<std::size_t>(written);
    }
    out_.clear();
    sent_ = 0;
    return true;
  }

  FileDescriptor socket_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  const AnswerOptions& answers_;
  dns::Buffer in_;
  std::size_t filled_ = 0;
  dns::Buffer out_;
  std::size_t sent_ = 0;
};

/// One thread's listening socket and connections.
class Loop {
 public:
  Loop(FileDescriptor listener, int stop, const Identity& identity, const TlsManners& manners, AnswerOptions answers)
      : listener_(std::move(listener)),
        stop_(stop),
        epoll_(::epoll_create1(EPOLL_CLOEXEC), "epoll"),
        context_(make_tls_context(identity, manners)),
        answers_(std::move(answers)) {
    watch(EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
    watch(EPOLL_CTL_ADD, stop_, EPOLLIN);
  }

  /// Runs until the stop descriptor becomes readable.
  void run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
      const auto count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) check_call(count, "epoll_wait");
      for (int i = 0; i < count; ++i) {
        const auto descriptor = events[static_cast<std::size_t>(i)].data.fd;
        if (descriptor == stop_) return;
        if (descriptor == listener_.get()) {
          accept_all();
        } else {
          serve(descriptor);
        }
      }
    }
  }

 private:
  void watch(int operation, int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    check_call(::epoll_ctl(epoll_.get(), operation, descriptor, &event), "epoll_ctl");
  }

  void accept_all() {
    for (;;) {
      const auto descriptor = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) return;
      connections_.emplace(descriptor, std::make_unique<Connection>(descriptor, context_.get(), answers_));
      watch(EPOLL_CTL_ADD, descriptor, EPOLLIN);
    }
  }

  void serve(int descriptor) {
    const auto found = connections_.find(descriptor);
    if (found == connections_.end()) return;
    auto& connection = *found->second;
    const bool waited = connection.wants_write();
    if (!connection.serve()) {
      connections_.erase(found);
      return;
    }
    if (connection.wants_write() != waited) {
      watch(EPOLL_CTL_MOD, descriptor, connection.wants_write() ? EPOLLOUT : EPOLLIN);
    }
  }

  FileDescriptor listener_;
  int stop_;
  FileDescriptor epoll_;
  TlsContext context_;
  AnswerOptions answers_;
  std::map<int, std::unique_ptr<Connection>> connections_;
};

void run(const Options& options) {
  // The signals make a descriptor readable, which stays so, so that every loop sees it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  check_call(::sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
  ::signal(SIGPIPE, SIG_IGN);
  const FileDescriptor stop(::signalfd(-1, &signals, SFD_CLOEXEC), "signalfd");

  const auto identity = make_identity(options);
  TlsManners manners;
  manners.tickets = options.tickets;
  AnswerOptions answers;
  answers.padding_block = options.padding;

  auto address = options.listen;
  std::vector<std::unique_ptr<Loop>> loops;
  while (loops.size() < options.threads) {
    auto listener = listen_tcp(address);
    address = local_address(listener.get());  // if the kernel has chosen the port, the other threads share it
    loops.push_back(std::make_unique<Loop>(std::move(listener), stop.get(), identity, manners, answers));
  }
  std::cout << "listening " << address.text() << std::endl;

  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < loops.size(); ++i) threads.emplace_back([&loop = *loops[i]] { loop.run(); });
  loops[0]->run();
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && arguments[0] == "--help") {
    std::cout << pillion::test::usage;
    return 0;
  }
  try {
    pillion::test::run(pillion::test::read_options(arguments));
    return 0;
  } catch (const std::invalid_argument& error) {
    std::cerr << "dot_responder: " << error.what() << '\n' << pillion::test::usage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "dot_responder: " << error.what() << '\n';
    return 1;
  }
}
