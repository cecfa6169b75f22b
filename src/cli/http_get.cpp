#include "cli/http_get.hpp"

#include <cstdint>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "cli/bounded_io.hpp"

namespace pillion::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

std::unexpected<std::string> failure(const config::Endpoint& address, const error_code& error) {
  const auto reason = error == asio::error::timed_out ? std::string("no answer in time") : error.message();
  return std::unexpected(to_string(address) + ": " + reason);
}

std::expected<HttpReply, std::string> request_one(const config::Endpoint& address, std::string_view path,
                                                  Clock::time_point deadline, std::uint64_t body_limit) {
  BoundedIo io(deadline);
  asio::ip::tcp::socket socket(io.context());
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address.address), address.port);
  if (const auto error = io.wait(socket, [&](auto done) { socket.async_connect(endpoint, std::move(done)); }))
    return failure(address, error);

  constexpr unsigned version = 11;
  http::request<http::empty_body> request(http::verb::get, beast::string_view(path.data(), path.size()), version);
  request.set(http::field::host, to_string(address));
  request.keep_alive(false);
  if (const auto error = io.wait(socket, [&](auto done) { http::async_write(socket, request, std::move(done)); }))
    return failure(address, error);

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(body_limit);
  if (const auto error = io.wait(socket, [&](auto done) { http::async_read(socket, buffer, parser, std::move(done)); }))
    return failure(address, error);
  auto response = parser.release();
  return HttpReply{
      .is_ok = response.result() == http::status::ok,
      .status = std::to_string(response.result_int()) + " " + std::string(http::obsolete_reason(response.result())),
      .body = std::move(response.body())};
}

}  // namespace

std::expected<HttpReply, std::string> http_get(const std::vector<config::Endpoint>& addresses, std::string_view path,
                                               Clock::time_point deadline, std::uint64_t body_limit) {
  std::string failures;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // Divides the remaining time equally among the remaining addresses.
    const auto now = Clock::now();
    const auto share = (deadline - now) / static_cast<std::int64_t>(addresses.size() - i);
    auto response = request_one(addresses[i], path, now + share, body_limit);
    if (response) return response;
    failures.append(failures.empty() ? "" : "; ").append(response.error());
  }
  return std::unexpected(std::move(failures));
}

}  // namespace pillion::cli
