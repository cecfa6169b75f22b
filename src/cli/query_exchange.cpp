#include "cli/query_exchange.hpp"

#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "cli/bounded_io.hpp"
#include "dns/framing.hpp"
#include "dns/message.hpp"
#include "dns/name.hpp"

namespace pillion::cli {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds exchange_patience{5};

/// True if `message` is the reply to `query`: the id and the question match, or it is an error without a question.
bool is_reply(dns::Bytes message, dns::Bytes query) {
  const auto header = dns::Header::of(message);
  const auto asked = dns::MessageView::parse(query);
  if (!header || !asked || !header->is_response() || header->id() != asked->header().id()) return false;
  if (header->questions() == 0) return header->rcode() != dns::rcode::noerror;
  const auto reply = dns::MessageView::parse(message);
  if (!reply) return false;
  const auto& question = reply->question();
  return question.name == asked->question().name && question.type == asked->question().type &&
         question.klass == asked->question().klass;
}

/// Sends a query over its own sockets, with one deadline for everything.
class QueryExchange {
 public:
  QueryExchange(const config::Endpoint& server, const dns::Buffer& query)
      : address_(asio::ip::make_address(server.address)), port_(server.port), query_(query) {}

  std::expected<dns::Buffer, NoReply> over_udp() {
    asio::ip::udp::socket socket(io_.context());
    if (const auto error =
            io_.wait(socket, [&](auto done) { socket.async_connect({address_, port_}, std::move(done)); })) {
      return std::unexpected(no_reply(error));
    }
    const auto sent = io_.wait(socket, [&](auto done) { socket.async_send(asio::buffer(query_), std::move(done)); });
    if (sent) return std::unexpected(no_reply(sent));
    // A datagram that is no reply to this query may come from anybody and is ignored (RFC 5452 section 9.1).
    for (;;) {
      dns::Buffer message(dns::max_message_size);
      const auto error =
          io_.wait(socket, [&](auto done) { socket.async_receive(asio::buffer(message), std::move(done)); });
      if (error) return std::unexpected(no_reply(error));
      message.resize(io_.transferred());
      if (is_reply(message, query_)) return message;
    }
  }

  std::expected<dns::Buffer, NoReply> over_tcp() {
    asio::ip::tcp::socket socket(io_.context());
    if (const auto error =
            io_.wait(socket, [&](auto done) { socket.async_connect({address_, port_}, std::move(done)); })) {
      return std::unexpected(no_reply(error));
    }
    dns::Buffer frame;
    const auto start = dns::begin_frame(frame);
    dns::append(frame, query_);
    dns::end_frame(frame, start);
    const auto sent =
        io_.wait(socket, [&](auto done) { asio::async_write(socket, asio::buffer(frame), std::move(done)); });
    if (sent) return std::unexpected(no_reply(sent));

    dns::Buffer prefix(dns::frame_prefix);
    const auto read_into = [&](dns::Buffer& buffer) {
      return io_.wait(socket, [&](auto done) { asio::async_read(socket, asio::buffer(buffer), std::move(done)); });
    };
    if (const auto error = read_into(prefix)) return std::unexpected(no_reply(error));
    dns::Buffer message(dns::read_u16(prefix, 0));
    if (const auto error = read_into(message)) return std::unexpected(no_reply(error));
    if (!is_reply(message, query_))
      return std::unexpected(NoReply{.reason = "the server sent something that is not a reply to this query"});
    return message;
  }

 private:
  static NoReply no_reply(const error_code& error) {
    if (error == asio::error::timed_out)
      return {.reason = "no reply within " + std::to_string(exchange_patience.count()) + " s"};
    if (error == asio::error::eof) return {.reason = "the server closed the connection"};
    return {.reason = error.message(), .is_refused = error == asio::error::connection_refused};
  }

  BoundedIo io_{Clock::now() + exchange_patience};
  asio::ip::address address_;
  std::uint16_t port_;
  const dns::Buffer& query_;
};

}  // namespace

std::expected<ServerReply, NoReply> exchange(const config::Endpoint& server, const dns::Buffer& query,
                                             QueryTransport transport) {
  const auto start = Clock::now();
  QueryExchange exchange(server, query);
  auto used = transport == QueryTransport::tcp ? QueryTransport::tcp : QueryTransport::udp;
  auto message = used == QueryTransport::tcp ? exchange.over_tcp() : exchange.over_udp();
  if (message && transport == QueryTransport::udp_then_tcp && dns::Header::of(*message)->is_truncated()) {
    used = QueryTransport::tcp;
    message = exchange.over_tcp();
  }
  if (!message) return std::unexpected(message.error());
  return ServerReply{.message = std::move(*message),
                     .server = server,
                     .transport = used,
                     .elapsed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start)};
}

}  // namespace pillion::cli
