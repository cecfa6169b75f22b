// block_client: asks over TCP connections. Each connection repeatedly writes the same block of queries. The first block
// shows how many bytes the answers have; later only the bytes are counted. So it takes a tenth of the CPU time of
// dnsperf, and leaves the processors to the program under measurement.

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "dns/framing.hpp"
#include "dns/wire.hpp"
#include "support/dns_client.hpp"
#include "support/sockets.hpp"

namespace pillion::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{5};
/// The largest size of a block and of its answers: sockets hold so many bytes in any case, so that neither side waits
/// for the other to read.
constexpr std::size_t most_bytes = std::size_t{32} << 10U;

struct Options {
  std::string address;
  std::uint16_t port = 0;
  std::string names;
  std::size_t connections = 0;
  std::size_t block = 0;
  std::chrono::seconds length{};
};

/// A block of queries, each for the next of the names, and the number of bytes of its answers.
struct Block {
  std::size_t queries = 0;
  dns::Buffer bytes = {};
  std::size_t answer_bytes = 0;
};

Block make_block(const Options& options) {
  Block block{.queries = options.block};
  StreamClient client(options.address, options.port);
  std::ifstream names(options.names);
  std::string name;
  std::string type;
  for (std::size_t i = 0; i < options.block; ++i) {
    if (!(names >> name >> type)) throw std::runtime_error("too few names");
    const auto query = framed(make_query(name, dns::type::a, {.id = static_cast<std::uint16_t>(i)}));
    dns::append(block.bytes, query);
    if (!client.send(query)) throw std::runtime_error("the connection was closed");
    const auto answer = client.receive(patience);
    if (!answer || answer->size() < dns::header_size || rcode_of(*answer) != dns::rcode::noerror)
      throw std::runtime_error("no answer to " + name);
    block.answer_bytes += dns::frame_prefix + answer->size();
  }
  if (block.bytes.size() > most_bytes || block.answer_bytes > most_bytes)
    throw std::runtime_error("the block is too large");
  return block;
}

/// One connection, which either writes a part of a block or reads a part of its answers.
class Connection {
 public:
  Connection(const Options& options, const Block& block)
      : block_(block), socket_(connect_socket(SocketAddress::of(options.address, options.port), SOCK_STREAM)) {}

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }

  /// Writes and reads until the socket would block.
  void proceed() {
    while (unread_ > 0 ? read() : write()) continue;
  }

 private:
  /// False if the socket would block.
  bool write() {
    const auto size = ::send(descriptor(), block_.bytes.data() + written_, block_.bytes.size() - written_,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) return would_wait();
    written_ += static_cast<std::size_t>(size);
    if (written_ == block_.bytes.size()) {
      written_ = 0;
      unread_ = block_.answer_bytes;
    }
    return true;
  }

  bool read() {
    static std::array<std::uint8_t, std::size_t{256} << 10U> buffer;
    const auto size = ::recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) return would_wait();
    if (size == 0 || static_cast<std::size_t>(size) > unread_)
      throw std::runtime_error("closed, or more than was asked for");
    unread_ -= static_cast<std::size_t>(size);
    if (unread_ == 0) ++blocks_;
    return true;
  }

  static bool would_wait() {
    if (errno != EAGAIN && errno != EINTR) throw std::runtime_error("the connection was reset");
    return false;
  }

  const Block& block_;
  FileDescriptor socket_;
  std::size_t written_ = 0;
  std::size_t unread_ = 0;
  std::uint64_t blocks_ = 0;
};

void run(const Options& options) {
  const auto block = make_block(options);
  const FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC), "epoll");
  std::vector<Connection> connections;
  connections.reserve(options.connections);
  for (std::size_t i = 0; i < options.connections; ++i) {
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = i}};
    const auto descriptor = connections.emplace_back(options, block).descriptor();
    check_call(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
  }
  const auto began = Clock::now();
  while (Clock::now() - began < options.length) {
    std::array<epoll_event, 256> events{};
    const auto count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 100);
    for (int i = 0; i < count; ++i) connections[events[static_cast<std::size_t>(i)].data.u64].proceed();
  }
  const std::chrono::duration<double> length = Clock::now() - began;
  std::uint64_t completed = 0;
  for (const auto& connection : connections) completed += connection.blocks() * block.queries;
  std::cout << "{\"completed\": " << completed
            << ", \"queries_per_second\": " << static_cast<double>(completed) / length.count() << "}\n";
}

Options read_options(const std::vector<std::string>& arguments) {
  if (arguments.size() != 6)
    throw std::invalid_argument("usage: block_client ADDRESS PORT NAMES CONNECTIONS QUERIES_IN_A_BLOCK SECONDS");
  return {.address = arguments[0],
          .port = static_cast<std::uint16_t>(std::stoul(arguments[1])),
          .names = arguments[2],
          .connections = std::stoul(arguments[3]),
          .block = std::stoul(arguments[4]),
          .length = std::chrono::seconds(std::stoul(arguments[5]))};
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  try {
    pillion::test::run(pillion::test::read_options({argv + 1, argv + argc}));
  } catch (const std::exception& error) {
    std::cerr << "block_client: " << error.what() << '\n';
    return 1;
  }
}
