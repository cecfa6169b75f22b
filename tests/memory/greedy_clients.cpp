// greedy_clients: clients that use as much of a server as it permits. One epoll loop; `usage` lists the kinds of
// clients.

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dns/wire.hpp"
#include "memory/options.hpp"
#include "support/dns_client.hpp"
#include "support/sockets.hpp"

namespace pillion::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view usage = R"(usage: greedy_clients KIND ADDRESS:PORT CONNECTIONS SECONDS [SOURCE [COUNT]]
CONNECTIONS connections over TCP, the n-th of them from address SOURCE + n modulo COUNT. Those that end are opened again, at most 2,000 a
second. KIND is what each of them does:

  bursts      131 kB of queries for one large answer, by turns of 60, 16 and 9 kB, of which it reads none; after 2 s it is reset
  unanswered  500 queries of 60 kB in flight, with padding, for names that begin with "silent"
  unread      four queries for an answer of 60 kB, which it does not read
  halves      one half of a message of 60 kB
  pipelined   1,000 queries in flight for one answer of 16 kB, which it reads
  names       100 queries in flight, each for another name
  walks       20 queries in flight, each of 2 kB and for another answer of 60 kB, at the first step of a search list
  idle        one query, then nothing
  rubbish     64 bytes that are no message, behind their length

Prints one line of JSON at the end: what was opened, ended by the server, sent, received and answered.
)";

constexpr std::size_t read_size = std::size_t{256} * 1024;
constexpr std::size_t burst_size = 131'000;
constexpr std::size_t message_size = 60'000;
constexpr std::size_t most_opened_in_a_tick = 20;
constexpr std::chrono::milliseconds tick{10};
constexpr std::chrono::seconds burst_hold{2};

enum class Kind : std::uint8_t { bursts, unanswered, unread, halves, pipelined, names, walks, idle, rubbish };
constexpr std::array<std::string_view, 9> kind_names = {"bursts", "unanswered", "unread", "halves", "pipelined",
                                                        "names",  "walks",      "idle",   "rubbish"};

struct Options {
  Kind kind{};
  SocketAddress server;
  std::size_t connections = 0;
  std::chrono::seconds length{};
  Sources sources = {};
};

struct Totals {
  std::uint64_t opened = 0, ended = 0, sent = 0, received = 0, answered = 0;
};

/// The common state of all connections.
struct Shared {
  const Options& options;
  int epoll;
  Totals totals = {};
  std::uint64_t next_query = 0;
  std::mt19937_64 random{1};                   // NOLINT(cert-msc51-cpp): the same each time
  std::uint64_t run = std::random_device{}();  ///< makes new names differ from those of earlier runs
};

/// A query with the next number as its id.
dns::Buffer query_for(Shared& shared, const std::string& name, std::uint16_t type, std::size_t padding = 0) {
  const QueryOptions options{
      .id = static_cast<std::uint16_t>(shared.next_query++), .edns = padding != 0, .padding = padding};
  return framed(make_query(name, type, options));
}

std::string new_name(Shared& shared, std::string_view prefix) {
  return std::string(prefix) + '-' + std::to_string(shared.run % 1'000'000) + '-' + std::to_string(shared.next_query);
}

class Connection {
 public:
  Connection(Shared& shared, std::size_t number) : shared_(shared), number_(number) {}

  [[nodiscard]] bool is_open() const { return socket_.has_value(); }

  /// Starts to connect.
  void open() {
    const auto& options = shared_.options;
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    if (!reads()) {
      const int size = 4096;
      check_call(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), "SO_RCVBUF");
    }
    // Ports must not stay in TIME_WAIT, since there are not enough of them.
    const linger reset{.l_onoff = 1, .l_linger = 0};
    check_call(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
    options.sources.bind(socket.get(), number_);
    if (::connect(socket.get(), options.server.get(), options.server.size) != 0 && errno != EINPROGRESS) return;
    set_no_delay(socket.get());
    out_.clear();
    sent_ = in_flight_ = unread_ = received_ = 0;
    opened_ = Clock::now();
    ++shared_.totals.opened;
    say_first();
    events_ = wanted_events();
    epoll_event event{.events = events_, .data = {.u64 = number_}};
    check_call(::epoll_ctl(shared_.epoll, EPOLL_CTL_ADD, socket.get(), &event), "epoll_ctl");
    socket_.emplace(std::move(socket));
  }

  void handle(std::uint32_t events) {
    if (!socket_) return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 || (!reads() && (events & EPOLLRDHUP) != 0)) return end();
    if ((events & EPOLLIN) != 0 && !receive()) return end();
    if (!send()) return end();
    watch();
  }

  /// Called once a tick.
  void age(Clock::time_point now) {
    if (socket_ && shared_.options.kind == Kind::bursts && now - opened_ > burst_hold) socket_.reset();
  }

 private:
  [[nodiscard]] bool reads() const {
    const auto kind = shared_.options.kind;
    return kind != Kind::bursts && kind != Kind::unread && kind != Kind::halves;
  }
  /// How many queries are kept in flight; 0 if nothing follows the first data.
  [[nodiscard]] std::size_t wanted_in_flight() const {
    switch (shared_.options.kind) {
      case Kind::unanswered:
        return 500;
      case Kind::pipelined:
        return 1000;
      case Kind::names:
        return 100;
      case Kind::walks:
        return 20;
      default:
        return 0;
    }
  }
  [[nodiscard]] std::uint32_t wanted_events() const {
    const bool writes = sent_ < out_.size() || in_flight_ < wanted_in_flight();
    return EPOLLRDHUP | (reads() ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U);
  }

  void watch() {
    const auto events = wanted_events();
    if (events == events_) return;
    events_ = events;
    epoll_event event{.events = events_, .data = {.u64 = number_}};
    check_call(::epoll_ctl(shared_.epoll, EPOLL_CTL_MOD, socket_->get(), &event), "epoll_ctl");
  }

  void end() {
    ++shared_.totals.ended;
    socket_.reset();
  }

  void say_first() {
    switch (shared_.options.kind) {
      case Kind::bursts: {
        constexpr std::array names = {"txt60000.example", "txt16000.example", "txt9000.example"};
        const std::string name = names[shared_.totals.opened % names.size()];
        while (out_.size() < burst_size) dns::append(out_, query_for(shared_, name, dns::type::txt));
        break;
      }
      case Kind::unread:
        for (int i = 0; i < 4; ++i) dns::append(out_, query_for(shared_, "txt60000.example", dns::type::txt));
        break;
      case Kind::halves:
        out_ = query_for(shared_, "half.example", dns::type::a, message_size);
        out_.resize(out_.size() / 2);
        break;
      case Kind::idle:
        out_ = query_for(shared_, "known1.example", dns::type::a);
        break;
      case Kind::rubbish:
        dns::append_u16(out_, 64);
        while (out_.size() < 66) out_.push_back(static_cast<std::uint8_t>(shared_.random()));
        // The server would answer another opcode, and keep the connection.
        out_[4] &= 0x87U;
        break;
      default:
        break;
    }
  }

  /// The next of the queries that are kept in flight.
  [[nodiscard]] dns::Buffer next_query() {
    switch (shared_.options.kind) {
      case Kind::unanswered:
        return query_for(shared_, new_name(shared_, "silent") + ".example", dns::type::a, message_size);
      case Kind::pipelined:
        return query_for(shared_, "txt16000.example", dns::type::txt);
      case Kind::walks:
        return query_for(shared_, new_name(shared_, "txt60000") + ".example.default.svc.cluster.local", dns::type::txt,
                         2000);
      default:
        return query_for(shared_, new_name(shared_, "name") + ".example", dns::type::a);
    }
  }

  /// Sends until the socket takes no more. False if the connection has ended.
  bool send() {
    for (;;) {
      if (sent_ == out_.size()) {
        if (in_flight_ >= wanted_in_flight()) return true;
        out_ = next_query();
        sent_ = 0;
        ++in_flight_;
      }
      const auto size = ::send(socket_->get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (size < 0) return errno == EAGAIN;
      sent_ += static_cast<std::size_t>(size);
      shared_.totals.sent += static_cast<std::uint64_t>(size);
    }
  }

  /// Reads all available data and counts the answers. False if the connection has ended.
  bool receive() {
    static std::array<std::uint8_t, read_size> buffer;
    for (;;) {
      const auto size = ::recv(socket_->get(), buffer.data(), buffer.size(), 0);
      if (size < 0) return errno == EAGAIN;
      if (size == 0) return false;
      shared_.totals.received += static_cast<std::uint64_t>(size);
      count_answers(dns::Bytes(buffer).first(static_cast<std::size_t>(size)));
    }
  }

  /// Follows the length prefixes of the messages (RFC 1035 4.2.2). Keeps only the bytes of a length.
  void count_answers(dns::Bytes bytes) {
    while (!bytes.empty()) {
      if (unread_ == 0) {
        length_ = static_cast<std::uint16_t>(length_ << 8U | bytes[0]);
        bytes = bytes.subspan(1);
        if (++received_ % 2 != 0) continue;
        unread_ = length_;
      }
      const auto part = std::min<std::size_t>(unread_, bytes.size());
      unread_ -= part;
      bytes = bytes.subspan(part);
      if (unread_ != 0) return;
      ++shared_.totals.answered;
      in_flight_ -= in_flight_ == 0 ? 0 : 1;
    }
  }

  Shared& shared_;
  std::size_t number_;
  std::optional<FileDescriptor> socket_ = {};
  dns::Buffer out_ = {};
  std::size_t sent_ = 0;
  std::size_t in_flight_ = 0;
  std::uint32_t events_ = 0;
  Clock::time_point opened_ = {};
  // The state of reading:
  std::uint16_t length_ = 0;
  std::size_t unread_ = 0;    ///< bytes of a message that has begun
  std::size_t received_ = 0;  ///< bytes of lengths so far
};

Totals run(const Options& options) {
  const FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC), "epoll");
  Shared shared{.options = options, .epoll = epoll.get()};
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < options.connections; ++i) connections.emplace_back(shared, i);
  const auto end = Clock::now() + options.length;
  auto next_tick = Clock::now();
  std::size_t next_opened = 0;
  while (Clock::now() < end) {
    if (const auto now = Clock::now(); now >= next_tick) {
      next_tick = now + tick;
      std::size_t opened = 0;
      for (std::size_t i = 0; i < connections.size() && opened < most_opened_in_a_tick; ++i) {
        auto& connection = connections[next_opened++ % connections.size()];
        connection.age(now);
        if (connection.is_open()) continue;
        connection.open();
        ++opened;
      }
    }
    std::array<epoll_event, 256> events{};
    const auto count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), tick.count());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      connections[event.data.u64].handle(event.events);
    }
  }
  return shared.totals;
}

Options read_options(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4 || arguments.size() > 6) throw std::invalid_argument("wrong number of arguments");
  const auto kind = std::ranges::find(kind_names, arguments[0]);
  if (kind == kind_names.end()) throw std::invalid_argument("unknown kind: " + arguments[0]);
  return {.kind = static_cast<Kind>(kind - kind_names.begin()),
          .server = SocketAddress::parse(arguments[1]),
          .connections = to_number<std::size_t>(arguments[2]),
          .length = std::chrono::seconds(to_number<unsigned>(arguments[3])),
          .sources = {arguments, 4}};
}

/// One descriptor for each connection, as far as the hard limit goes.
void raise_descriptor_limit() {
  rlimit limit{};
  check_call(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  check_call(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  using namespace pillion::test;
  try {
    const auto options = read_options({argv + 1, argv + argc});
    raise_descriptor_limit();
    const auto totals = run(options);
    std::cout << "{\"opened\": " << totals.opened << ", \"ended\": " << totals.ended << ", \"sent\": " << totals.sent
              << ", \"received\": " << totals.received << ", \"answered\": " << totals.answered << "}" << std::endl;
  } catch (const std::invalid_argument& error) {
    std::cerr << "greedy_clients: " << error.what() << '\n' << usage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "greedy_clients: " << error.what() << '\n';
    return 1;
  }
}
