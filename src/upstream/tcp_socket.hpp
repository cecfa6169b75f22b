#pragma once
// A TCP connection's socket, read and written at once or not at all.
//
// Asio's asynchronous operations cost more system calls: a read first tries in vain, and a write completes by a handler
// of its own. Here the owner waits for the socket, which is looked at by the kernel before it waits, so that a short
// read needs no second one to find the end.

#include <cstddef>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "dns/wire.hpp"

namespace pillion::upstream {

/// The loop's own executor by its concrete type: no type erasure on the data path.
using Executor = boost::asio::io_context::executor_type;
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

/// error::would_block where nothing is there, error::eof at the end.
std::size_t read_now(TcpSocket& socket, dns::MutableBytes buffer, boost::system::error_code& error);
/// error::would_block where the kernel takes nothing.
std::size_t write_now(TcpSocket& socket, dns::Bytes bytes, boost::system::error_code& error);

/// Asio, once it has waited for a connection or for room to write, goes on asking the kernel for that; then every wait
/// for input makes an event of the room that there nearly always is. This makes it ask for input alone again. Nothing
/// may be waited for.
void forget_writability(TcpSocket& socket);

}  // namespace pillion::upstream
