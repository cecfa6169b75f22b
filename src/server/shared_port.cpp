#include "server/shared_port.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include <boost/system/system_error.hpp>

namespace pillion::server {
namespace {

void set_option(int socket, int option, bool on, const char* what) {
  const int value = on ? 1 : 0;
  if (::setsockopt(socket, SOL_SOCKET, option, &value, sizeof value) != 0)
    throw boost::system::system_error(errno, boost::system::generic_category(), what);
}

/// Lets several sockets bind one address. The kernel distributes what arrives among them (socket(7)).
void set_reuse_port(int socket, bool on = true) {
  set_option(socket, SO_REUSEPORT, on, "SO_REUSEPORT");
}

/// Lets a UDP socket have the address of others for which this is set too, whoever owns them.
void set_reuse_address(int socket, bool on) {
  set_option(socket, SO_REUSEADDR, on, "SO_REUSEADDR");
}

/// The offset of a byte of a packet's network header, for a filter's absolute loads.
constexpr std::uint32_t network_header(std::uint32_t offset) {
  return static_cast<std::uint32_t>(SKF_NET_OFF) + offset;
}

constexpr sock_filter step(unsigned code, std::uint32_t operand = 0) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = operand};
}

}  // namespace

void prepare_bind(int socket, PortUse use) {
  if (use == PortUse::joined) set_reuse_port(socket);
}

void open_to_others(int socket, PortUse use) {
  if (use == PortUse::first) set_reuse_port(socket);
}

void share_as(int socket, PortUse use) {
  set_reuse_port(socket, use != PortUse::alone);
}

void let_take_back(int socket) {
  // A new socket must not join the group of one that receives nothing.
  set_reuse_port(socket, false);
  set_reuse_address(socket, true);
}

void begin_taking_back(int socket) {
  set_reuse_address(socket, true);
}

void end_taking_back(int socket) {
  set_reuse_address(socket, false);
}

void keep_to(int socket, IpFamily family, std::size_t members) {
  // The last four bytes of the source address, and the source port if the header has no options. With options it is
  // another constant of the client.
  const std::uint32_t address = family == IpFamily::ipv4 ? 12 : 20;
  const std::uint32_t port = family == IpFamily::ipv4 ? 20 : 40;
  // Knuth's multiplicative hash, which separates neighbouring ports.
  constexpr std::uint32_t golden_ratio = 0x9E3779B1;
  std::array<sock_filter, 8> program = {
      step(BPF_LD | BPF_W | BPF_ABS, network_header(address)),
      step(BPF_MISC | BPF_TAX),
      step(BPF_LD | BPF_H | BPF_ABS, network_header(port)),
      step(BPF_ALU | BPF_ADD | BPF_X),
      step(BPF_ALU | BPF_MUL | BPF_K, golden_ratio),
      step(BPF_ALU | BPF_RSH | BPF_K, 16),
      step(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(members)),
      step(BPF_RET | BPF_A),
  };
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter);
}

}  // namespace pillion::server
