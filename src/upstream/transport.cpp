#include "upstream/transport.hpp"

#include <boost/asio/ssl/error.hpp>

#include "upstream/socket_error.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;

asio::awaitable<std::expected<Handshake, TlsFailure>> PlainTransport::handshake() {
  co_return Handshake{};
}

asio::awaitable<std::expected<Handshake, TlsFailure>> TlsTransport::handshake() {
  const auto started = clock_.now();
  auto* const ssl = stream_.native_handle();
  const auto offered = identity_.prepare(ssl, context_, started);
  if (!offered) co_return std::unexpected(offered.error());
  const auto error = co_await stream_.handshake();
  const auto ended = clock_.refresh();
  identity_.note_end(ssl, context_, *offered, ended);
  if (error.category() == asio::error::get_ssl_category()) {
    co_return std::unexpected(identity_.explain(ssl, static_cast<unsigned long>(error.value())));
  }
  if (error == asio::error::eof) co_return std::unexpected(identity_.explain(ssl, 0));
  if (error == asio::error::message_size)
    co_return std::unexpected(TlsFailure{Error::tls_failed, TlsStream::too_much_without_data});
  if (error) co_return std::unexpected(TlsFailure{socket_error(error), error.message() + " during the TLS handshake"});
  const auto facts = identity_.check(ssl);
  if (!facts) co_return std::unexpected(facts.error());
  co_return Handshake{.duration = ended - started,
                      .encrypted = true,
                      .resumed = facts->resumed,
                      .not_after = facts->not_after,
                      .version = facts->version,
                      .group = facts->group,
                      .cipher = facts->cipher,
                      .verified_name = facts->verified_name,
                      .pin = facts->pin,
                      .subject = facts->subject,
                      .issuer = facts->issuer,
                      .fell_back = *offered == Groups::classical};
}

}  // namespace pillion::upstream
