#pragma once
// The socket of a TCP connection, read and written without waiting.
//
// Asio's asynchronous operations cost more system calls: a read first tries in vain, and a write completes by its own
// handler. Here the owner waits for the socket. The kernel checks the socket before it waits, so that a short read
// needs no second one to find the end.

#include <cstddef>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "dns/wire.hpp"

namespace pillion::upstream {

/// The loop's executor by its concrete type, which avoids type erasure on the data path.
using Executor = boost::asio::io_context::executor_type;
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

/// Reads what is there. error::would_block if nothing is there, error::eof at the end.
std::size_t read_now(TcpSocket& socket, dns::MutableBytes buffer, boost::system::error_code& error);
/// Writes what the kernel takes. error::would_block if it takes nothing.
std::size_t write_now(TcpSocket& socket, dns::Bytes bytes, boost::system::error_code& error);

/// Makes Asio stop watching for writability. Once it has waited for a connection or for room to write, Asio keeps
/// asking the kernel for that, and every wait for input would then end at once, since there nearly always is room. No
/// wait may be pending.
void forget_writability(TcpSocket& socket);

}  // namespace pillion::upstream
