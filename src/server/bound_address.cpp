#include "server/bound_address.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/system/system_error.hpp>

#include "server/dropped_datagrams.hpp"
#include "server/packet_info.hpp"

namespace pillion::server {
namespace asio = boost::asio;

namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw boost::system::system_error(errno, boost::system::generic_category(), what);
}

void set_option(const runtime::UniqueDescriptor& socket, int level, int option, const char* what) {
  const int on = 1;
  if (::setsockopt(socket.get(), level, option, &on, sizeof on) != 0) throw_errno(what);
}

template <typename Endpoint>
runtime::UniqueDescriptor open_socket(const Endpoint& endpoint) {
  const auto protocol = endpoint.protocol();
  runtime::UniqueDescriptor socket(
      ::socket(protocol.family(), protocol.type() | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol.protocol()));
  if (socket.get() < 0) throw_errno("socket");
  if (endpoint.address().is_v6()) set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY");
  return socket;
}

template <typename Endpoint>
void bind_to(const runtime::UniqueDescriptor& socket, const Endpoint& endpoint) {
  if (::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) throw_errno("bind");
}

/// The bound address, or nullopt if the socket has no IP address.
std::optional<asio::ip::tcp::endpoint> local_endpoint(const runtime::UniqueDescriptor& socket) {
  asio::ip::tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket.get(), endpoint.data(), &size) != 0) return std::nullopt;
  const auto family = endpoint.data()->sa_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  endpoint.resize(size);
  return endpoint;
}

runtime::UniqueDescriptor bind_tcp(const asio::ip::tcp::endpoint& endpoint, PortUse use) {
  auto socket = open_socket(endpoint);
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
  prepare_bind(socket.get(), use);
  bind_to(socket, endpoint);
  if (::listen(socket.get(), listen_backlog) != 0) throw_errno("listen");
  open_to_others(socket.get(), use);
  return socket;
}

runtime::UniqueDescriptor bind_udp(const asio::ip::udp::endpoint& endpoint, PortUse use, Occupant occupant) {
  auto socket = open_socket(endpoint);
  if (occupant == Occupant::released) begin_taking_back(socket.get());
  prepare_bind(socket.get(), use);
  prepare_receive_buffer(socket.get());
  const auto& address = endpoint.address();
  if (address.is_unspecified()) ask_for_packet_info(socket.get(), address.is_v4() ? IpFamily::ipv4 : IpFamily::ipv6);
  bind_to(socket, endpoint);
  if (occupant == Occupant::released) end_taking_back(socket.get());
  open_to_others(socket.get(), use);
  return socket;
}

}  // namespace

BoundAddress bind_address(const config::Endpoint& endpoint, PortUse use, Occupant occupant) {
  const auto address = asio::ip::make_address(endpoint.address);
  // A port that is free for TCP may be taken for UDP. Another port is then tried.
  constexpr int attempts = 16;
  for (int attempt = 1;; ++attempt) {
    try {
      BoundAddress bound{.address = address, .port = endpoint.port, .udp = {}, .tcp = {}};
      bound.tcp = bind_tcp({address, endpoint.port}, use);
      if (bound.port == 0) bound.port = local_endpoint(bound.tcp).value().port();
      bound.udp = bind_udp({address, bound.port}, use, occupant);
      return bound;
    } catch (const boost::system::system_error& error) {
      if (endpoint.port == 0 && attempt < attempts) continue;
      throw BindError("cannot listen on " + config::to_string(endpoint) + ": " + error.code().message());
    }
  }
}

InheritedSockets::InheritedSockets(std::span<const int> descriptors) {
  addresses_.reserve(descriptors.size());
  for (const int descriptor : descriptors) {
    runtime::UniqueDescriptor socket(descriptor);
    int type = 0;
    socklen_t size = sizeof type;
    const auto endpoint = local_endpoint(socket);
    if (!endpoint || ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        (type != SOCK_STREAM && type != SOCK_DGRAM)) {
      static_cast<void>(socket.release());
      continue;
    }
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    auto& inherited = addresses_.emplace_back(
        BoundAddress{.address = endpoint->address(), .port = endpoint->port(), .udp = {}, .tcp = {}});
    auto& of_its_type = type == SOCK_STREAM ? inherited.tcp : inherited.udp;
    of_its_type = std::move(socket);
  }
}

std::optional<BoundAddress> InheritedSockets::take(const config::Endpoint& endpoint, PortUse use) {
  BoundAddress found{.address = asio::ip::make_address(endpoint.address), .port = endpoint.port, .udp = {}, .tcp = {}};
  const auto find = [&](runtime::UniqueDescriptor BoundAddress::* socket) {
    return std::ranges::find_if(addresses_, [&](const BoundAddress& one) {
      return (one.*socket).get() >= 0 && one.address == found.address && (found.port == 0 || one.port == found.port);
    });
  };
  const auto tcp = find(&BoundAddress::tcp);
  if (tcp == addresses_.end()) return std::nullopt;
  found.port = tcp->port;
  const auto udp = find(&BoundAddress::udp);
  if (udp == addresses_.end()) return std::nullopt;
  found.tcp = std::move(tcp->tcp);
  found.udp = std::move(udp->udp);
  share_as(found.tcp.get(), use);
  share_as(found.udp.get(), use);
  return found;
}

std::vector<int> InheritedSockets::close_rest() {
  std::vector<int> closed;
  for (const auto& one : addresses_) {
    for (const auto* const socket : {&one.udp, &one.tcp}) {
      if (socket->get() >= 0) closed.push_back(socket->get());
    }
  }
  addresses_.clear();
  return closed;
}

}  // namespace pillion::server
