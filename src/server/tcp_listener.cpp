#include "server/tcp_listener.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dns/framing.hpp"
#include "runtime/socket_buffers.hpp"
#include "server/address.hpp"

namespace pillion::server {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// The pause after accept(2) failed for lack of descriptors or memory. Some may be free again after that.
constexpr std::chrono::milliseconds accept_retry{100};
/// Sessions whose idle timeout is shortened in one turn. All of them may time out in the next one, so that this many
/// connections are closed at once, at about 20 us each.
constexpr std::size_t shortened_in_a_turn = 32;
/// How long the kernel sends answers to a client that takes none, even if the session has ended. Longer than
/// SessionLimits::write_timeout, so that the session ends first, and is counted.
constexpr std::chrono::milliseconds unacknowledged_timeout{20'000};
/// The most clients that are closed before the pause, for lack of a descriptor.
constexpr std::size_t turned_away_at_once = 64;

}  // namespace

TcpListener::TcpListener(runtime::Loop& loop, BoundAddress& bound, const SessionTools& tools)
    : loop_(loop),
      acceptor_(loop.io()),
      retry_(loop.io()),
      tools_(tools),
      read_buffer_(2 * (dns::max_message_size + dns::frame_prefix)) {
  acceptor_.assign(bound.address.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), bound.tcp.get());
  static_cast<void>(bound.tcp.release());
  // TcpSession::kernel_cost counts these.
  runtime::set_buffers(acceptor_.native_handle(), {.receive = TcpSession::receive_buffer,
                                                   .send = static_cast<int>(tools.memory.send_buffer()),
                                                   .unsent = TcpOutput::max_unsent,
                                                   .keep_for = unacknowledged_timeout});
}

void TcpListener::start() {
  loop_.tasks().spawn(accept(), "TCP listener");
}

asio::awaitable<void> TcpListener::accept() {
  accepting_ = true;
  co_await accept_until_closed();
  accepting_ = false;
}

asio::awaitable<void> TcpListener::accept_until_closed() {
  while (acceptor_.is_open()) {
    try {
      co_await accept_clients();
    } catch (...) {
      loop_.note_exception("TCP listener");
    }
    if (!acceptor_.is_open()) co_return;
    retry_.expires_after(accept_retry);
    error_code ignored;
    co_await retry_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

/// Accepts clients until accept(2) fails.
asio::awaitable<void> TcpListener::accept_clients() {
  while (acceptor_.is_open()) {
    asio::ip::tcp::endpoint peer;
    auto [error, socket] = co_await acceptor_.async_accept(loop_.io(), peer, asio::as_tuple(asio::use_awaitable));
    if (!acceptor_.is_open()) co_return;
    loop_.clock().refresh();
    // The client may already be gone, which is not our concern. Any other error would repeat at once.
    if (error == asio::error::connection_aborted) continue;
    if (error) co_return accept_failed(error);
    loop_.contain("TCP client", [&] { admit(ClientSocket(std::move(socket)), peer); }, [] {});
  }
}

void TcpListener::accept_failed(const error_code& error) {
  if (error == asio::error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system) {
    // accept(2) fails with this error even if no client waits.
    if (spare_descriptor_.is_kept() && spare_descriptor_.turn_away(acceptor_.native_handle(), turned_away_at_once) == 0)
      return;
  }
  tools_.handler.metrics().accept_errors.add();
  if (const auto suppressed = log_limiter_.admit("accept", loop_.clock().now()))
    loop_.log().warn("cannot accept a TCP client", {{"error", error.message()}, {"suppressed", *suppressed}});
}

void TcpListener::admit(ClientSocket socket, const asio::ip::tcp::endpoint& peer) {
  const auto client = client_address(peer.address());
  const auto family = peer.address().is_v4() ? IpFamily::ipv4 : IpFamily::ipv6;
  if (!tools_.handler.admission().admit_connection(client)) return;
  Place place(tools_.handler.shared().connections);
  if (!place) return tools_.handler.count_refusal(Refusal::connection_limit);
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  auto session = std::make_unique<TcpSession>(loop_, std::move(socket), client, peer.port(), family, tools_, *this);
  auto& started = *session;
  sessions_.emplace(&started, std::move(session));
  started.hold(std::move(place));
  tools_.handler.admission().add_connection(started, client);
  tools_.handler.metrics().connections_accepted.add();
  tools_.handler.metrics().connections[family].add(1);
  loop_.contain("TCP client", [&] { started.start(); }, [&] { started.close(); });
}

void TcpListener::ended(TcpSession& session) {
  tools_.handler.metrics().connections[session.family()].add(-1);
  sessions_.erase(&session);
}

void TcpListener::shorten_timeouts() {
  next_bucket_ = 0;
  buckets_ = sessions_.bucket_count();
  loop_.schedule(*this);
}

/// Continues shorten_timeouts(). Sessions may come and go between two turns: new ones have the new timeout.
void TcpListener::flush() {
  // More buckets have distributed the sessions anew.
  if (buckets_ != sessions_.bucket_count()) return shorten_timeouts();
  std::size_t looked_at = 0;
  for (; next_bucket_ < buckets_ && looked_at < shortened_in_a_turn; ++next_bucket_) {
    for (auto entry = sessions_.begin(next_bucket_); entry != sessions_.end(next_bucket_); ++entry, ++looked_at) {
      auto& session = *entry->first;
      loop_.contain("TCP client", [&] { session.shorten_timeout(); }, [&] { session.close(); });
    }
  }
  if (next_bucket_ < buckets_) loop_.schedule(*this);
}

void TcpListener::stop_accepting() {
  if (!acceptor_.is_open()) return;
  loop_.contain("TCP listener", [this] { accept_waiting(); }, [] {});
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
}

/// Accepts the clients whose handshake is complete, since the kernel would otherwise reset their connections.
void TcpListener::accept_waiting() {
  error_code error;
  acceptor_.non_blocking(true, error);
  for (int i = 0; !error && i < listen_backlog; ++i) {
    ClientSocket socket(loop_.io());
    asio::ip::tcp::endpoint peer;
    acceptor_.accept(socket, peer, error);
    if (error == asio::error::connection_aborted) {
      error.clear();
    } else if (!error) {
      admit(std::move(socket), peer);
    }
  }
}

// None of these erases from sessions_, since sessions end in a later turn.

void TcpListener::finish_idle_sessions(runtime::Time since) {
  for (auto& [session, owned] : sessions_) {
    if (session->idle_since().value_or(runtime::Time::max()) <= since) session->finish();
  }
}

void TcpListener::finish_sessions() {
  for (auto& [session, owned] : sessions_) session->finish();
}

void TcpListener::close_sessions() {
  for (auto& [session, owned] : sessions_) session->abandon();
}

bool TcpListener::is_busy() const {
  return std::ranges::any_of(sessions_, [](const auto& entry) { return entry.first->is_busy(); });
}

runtime::Time TcpListener::last_write() const {
  runtime::Time last;
  for (const auto& [session, owned] : sessions_) last = std::max(last, session->last_write());
  return last;
}

}  // namespace pillion::server
