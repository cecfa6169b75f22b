// steady_clients: well-behaved clients that ask at a steady rate, and the outcome of each query. One half asks over
// UDP, the other over TCP, each on one connection. Nine of ten names are repeated, the tenth is always new.

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dns/wire.hpp"
#include "memory/options.hpp"
#include "support/dns_client.hpp"
#include "support/sockets.hpp"

namespace pillion::test {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::string_view usage = R"(usage: steady_clients ADDRESS:PORT CLIENTS RATE [SOURCE [COUNT]]
CLIENTS clients ask RATE times a second each until SIGTERM, the n-th of them from address SOURCE + n modulo COUNT. Prints "asking", and at
the end a line for each query: when it was sent (CLOCK_MONOTONIC, seconds), how long its answer took, what that was, the transport, the
client's address and port, and the query's id. What it was is a response code, `none` (within 5 s), `closed` (the connection ended before the
answer) or `unsent`.
)";

// The time after which libc gives up.
constexpr std::chrono::seconds patience{5};
constexpr std::uint64_t returning_names = 1000;
constexpr std::size_t read_size = std::size_t{64} * 1024;

struct Options {
  SocketAddress server;
  std::size_t clients = 0;
  unsigned rate = 0;
  Sources sources = {};
};

struct Outcome {
  Clock::time_point sent;
  std::size_t source = 0;  ///< index into Outcomes::sources
  std::uint16_t id = 0;
  Clock::duration took{};  ///< zero if no answer came
  std::string_view what = "none";
  std::uint16_t rcode = 0;
};

struct Outcomes {
  std::vector<Outcome> queries;
  std::vector<std::string> sources;  ///< transport, address and port of each socket that asked
};

/// One client. The id of a query is the index of its outcome. An id does not repeat within the time of a query.
class Client {
 public:
  Client(const Options& options, std::size_t number, int epoll)
      : options_(options), number_(number), epoll_(epoll), kind_(number % 2 == 0 ? SOCK_DGRAM : SOCK_STREAM) {}

  void ask(std::uint64_t query, Outcomes& outcomes) {
    if (!socket_) connect(outcomes);
    // In each round of all clients, other clients have the new names.
    const bool is_new = (query + query / options_.clients) % 10 == 0;
    const auto name =
        (is_new ? "new" + std::to_string(query) : "known" + std::to_string(query % returning_names)) + ".example";
    const auto id = next_id_++;
    const auto message = make_query(name, dns::type::a, {.id = id});
    const auto bytes = kind_ == SOCK_STREAM ? framed(message) : message;
    outcomes.queries.push_back({.sent = Clock::now(), .source = source_, .id = id});
    if (!socket_ || ::send(socket_->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
                        static_cast<ssize_t>(bytes.size())) {
      outcomes.queries.back().what = "unsent";
      return close("closed", outcomes);
    }
    waiting_[id] = outcomes.queries.size() - 1;
  }

  /// Reads the answers that have arrived.
  void receive(Outcomes& outcomes) {
    static std::array<std::uint8_t, read_size> buffer;
    while (socket_) {
      const auto size = ::recv(socket_->get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (size <= 0) return close("closed", outcomes);
      const auto bytes = dns::Bytes(buffer).first(static_cast<std::size_t>(size));
      if (kind_ == SOCK_DGRAM) {
        answered(bytes, outcomes);
      } else {
        dns::append(received_, bytes);
        take_messages(outcomes);
      }
    }
  }

  [[nodiscard]] bool waits() const { return !waiting_.empty(); }

 private:
  /// Opens a socket. If that fails, the client has none.
  void connect(Outcomes& outcomes) {
    source_ = outcomes.sources.size();
    outcomes.sources.emplace_back(kind_ == SOCK_STREAM ? "tcp -" : "udp -");
    FileDescriptor socket(::socket(AF_INET, kind_ | SOCK_CLOEXEC, 0), "socket");
    options_.sources.bind(socket.get(), number_);
    // The other clients must not wait while a connection is not accepted.
    const timeval limit{.tv_sec = 0, .tv_usec = 20'000};
    check_call(::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "SO_SNDTIMEO");
    if (::connect(socket.get(), options_.server.get(), options_.server.size) != 0) return;
    outcomes.sources.back().replace(4, 1, local_address(socket.get()).text());
    if (kind_ == SOCK_STREAM) set_no_delay(socket.get());
    epoll_event event{.events = EPOLLIN, .data = {.u64 = number_}};
    check_call(::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.get(), &event), "epoll_ctl");
    socket_.emplace(std::move(socket));
    received_.clear();
  }

  void close(std::string_view why, Outcomes& outcomes) {
    for (const auto& [id, index] : waiting_) outcomes.queries[index].what = why;
    waiting_.clear();
    socket_.reset();
  }

  void take_messages(Outcomes& outcomes) {
    const auto all = dns::Bytes(received_);
    std::size_t taken = 0;
    while (all.size() - taken >= 2) {
      const std::size_t size = dns::read_u16(all, taken);
      if (all.size() - taken - 2 < size) break;
      answered(all.subspan(taken + 2, size), outcomes);
      taken += 2 + size;
    }
    received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(taken));
  }

  void answered(dns::Bytes message, Outcomes& outcomes) {
    if (message.size() < dns::header_size) return;
    const auto found = waiting_.find(id_of(message));
    if (found == waiting_.end()) return;
    auto& outcome = outcomes.queries[found->second];
    outcome.took = Clock::now() - outcome.sent;
    if (outcome.took <= patience) {
      outcome.what = "";
      outcome.rcode = rcode_of(message);
    }
    waiting_.erase(found);
  }

  const Options& options_;
  std::size_t number_;
  int epoll_;
  int kind_;
  std::optional<FileDescriptor> socket_ = {};
  std::size_t source_ = 0;  ///< of the present socket, or of the last one
  std::uint16_t next_id_ = 0;
  std::unordered_map<std::uint16_t, std::size_t> waiting_ = {};
  dns::Buffer received_ = {};
};

/// Asks until the signal comes, and then waits for the outstanding answers.
Outcomes run(const Options& options, int signals) {
  const FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC), "epoll");
  epoll_event ending{.events = EPOLLIN, .data = {.u64 = options.clients}};
  check_call(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, signals, &ending), "epoll_ctl");
  std::vector<Client> clients;
  for (std::size_t i = 0; i < options.clients; ++i) clients.emplace_back(options, i, epoll.get());

  Outcomes outcomes;
  const auto pause = std::chrono::nanoseconds(std::chrono::seconds(1)) / (options.clients * options.rate);
  auto due = Clock::now();
  std::uint64_t query = 0;
  std::optional<Clock::time_point> end;
  std::cout << "asking" << std::endl;
  while (!end || (Clock::now() < *end && std::ranges::any_of(clients, &Client::waits))) {
    for (; !end && due <= Clock::now(); due += pause, ++query) clients[query % options.clients].ask(query, outcomes);
    std::array<epoll_event, 64> events{};
    const auto count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 1);
    for (int i = 0; i < count; ++i) {
      const auto who = events[static_cast<std::size_t>(i)].data.u64;
      if (who < clients.size()) {
        clients[who].receive(outcomes);
      } else if (!end) {
        end = Clock::now() + patience;
        check_call(::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, signals, nullptr), "epoll_ctl");
      }
    }
  }
  return outcomes;
}

void print(const Outcomes& outcomes) {
  for (const auto& outcome : outcomes.queries) {
    std::cout << Seconds(outcome.sent.time_since_epoch()).count() << ' ' << Seconds(outcome.took).count() << ' ';
    if (outcome.what.empty()) {
      std::cout << outcome.rcode;
    } else {
      std::cout << outcome.what;
    }
    std::cout << ' ' << outcomes.sources[outcome.source] << ' ' << outcome.id << '\n';
  }
}

Options read_options(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3 || arguments.size() > 5) throw std::invalid_argument("wrong number of arguments");
  return {.server = SocketAddress::parse(arguments[0]),
          .clients = to_number<std::size_t>(arguments[1]),
          .rate = to_number<unsigned>(arguments[2]),
          .sources = {arguments, 3}};
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  using namespace pillion::test;
  try {
    const auto options = read_options({argv + 1, argv + argc});
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    check_call(::sigprocmask(SIG_BLOCK, &ending, nullptr), "sigprocmask");
    const FileDescriptor signals(::signalfd(-1, &ending, SFD_CLOEXEC), "signalfd");
    std::cout.precision(12);
    print(run(options, signals.get()));
  } catch (const std::invalid_argument& error) {
    std::cerr << "steady_clients: " << error.what() << '\n' << usage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "steady_clients: " << error.what() << '\n';
    return 1;
  }
}
