#include "upstream/tls_stream.hpp"

#include <algorithm>
#include <cstdint>
#include <new>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>

namespace pillion::upstream {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// SSL_get_error(3) takes any error in the thread's queue for the result of the last call. Testing the queue costs a
/// tenth of clearing it.
void forget_old_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

/// The BIO through which OpenSSL reads and writes the socket.
struct TlsStream::Bio {
  static int read(BIO* bio, char* data, std::size_t size, std::size_t* done) {
    auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
    *done = 0;
    if (stream.readable_ == 0) {
      stream.socket_error_ = asio::error::message_size;
    } else {
      const dns::MutableBytes space(reinterpret_cast<std::uint8_t*>(data), std::min(size, stream.readable_));
      *done = read_now(stream.socket_, space, stream.socket_error_);
      stream.readable_ -= *done;
    }
    return outcome(bio, stream.socket_error_, BIO_FLAGS_READ);
  }

  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
    auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
    *done = write_now(stream.socket_, {reinterpret_cast<const std::uint8_t*>(data), size}, stream.socket_error_);
    return outcome(bio, stream.socket_error_, BIO_FLAGS_WRITE);
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  /// Reports every error to OpenSSL as a lack of bytes or room. The caller gets the error itself.
  static int outcome(BIO* bio, error_code& error, int side) {
    BIO_clear_retry_flags(bio);
    if (!error) return 1;
    if (error == asio::error::would_block) error = {};
    BIO_set_flags(bio, side | BIO_FLAGS_SHOULD_RETRY);
    return 0;
  }

  [[nodiscard]] static BIO_METHOD* make_method() {
    auto* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (method == nullptr) throw std::bad_alloc();
    BIO_meth_set_read_ex(method, read);
    BIO_meth_set_write_ex(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
  }

  [[nodiscard]] static BIO* make(TlsStream& stream) {
    static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method(make_method(), BIO_meth_free);
    auto* const bio = BIO_new(method.get());
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, &stream);
    BIO_set_init(bio, 1);
    return bio;
  }
};

TlsStream::TlsStream(TcpSocket& socket, SSL_CTX* context) : socket_(socket), ssl_(SSL_new(context)) {
  if (!ssl_) throw std::bad_alloc();
  auto* const bio = Bio::make(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
  // Reads a record's header together with the rest, and all available records, by one system call.
  SSL_set_read_ahead(ssl_.get(), 1);
  SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/// The error of a failed call that returned `result`.
error_code TlsStream::error_of(int result) {
  const auto error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    return socket_error_ ? socket_error_ : error_code(asio::error::would_block);
  }
  if (error == SSL_ERROR_ZERO_RETURN) return asio::error::eof;
  // An empty queue must not look like success.
  const auto first = ERR_get_error();
  const auto reason = first != 0 ? first : ERR_PACK(ERR_LIB_SSL, 0, ERR_R_INTERNAL_ERROR);
  return {static_cast<int>(reason), asio::error::get_ssl_category()};
}

asio::awaitable<error_code> TlsStream::handshake() {
  while (true) {
    forget_old_errors();
    socket_error_ = {};
    const auto result = SSL_connect(ssl_.get());
    if (result == 1) {
      readable_ = max_without_data;
      co_return error_code{};
    }
    const auto error = error_of(result);
    if (error != asio::error::would_block) co_return error;
    error_code wait_error;
    co_await socket_.async_wait(wanted(), asio::redirect_error(asio::use_awaitable, wait_error));
    if (wait_error) co_return wait_error;
  }
}

std::size_t TlsStream::read_some(dns::MutableBytes buffer, error_code& error) {
  forget_old_errors();
  socket_error_ = {};
  std::size_t size = 0;
  const auto result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
  error = result == 1 ? error_code{} : error_of(result);
  if (result == 1) readable_ = max_without_data;
  return size;
}

std::size_t TlsStream::write_some(dns::Bytes bytes, error_code& error) {
  forget_old_errors();
  socket_error_ = {};
  std::size_t size = 0;
  const auto result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size);
  error = result == 1 ? error_code{} : error_of(result);
  return size;
}

void TlsStream::shutdown(error_code& error) {
  forget_old_errors();
  socket_error_ = {};
  auto result = SSL_shutdown(ssl_.get());
  // Our close_notify was sent. The second call looks for the server's.
  if (result == 0) result = SSL_shutdown(ssl_.get());
  error = result == 1 ? error_code{} : error_of(result);
}

}  // namespace pillion::upstream
