#pragma once
// What a question gets if no server of its upstream group has answered it. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/wire.hpp"
#include "resolve/request.hpp"
#include "upstream/error.hpp"
#include "upstream/query.hpp"

namespace pillion::resolve {

/// A resolution failure (RFC 9520 section 2): the first reply of a server that could or would not answer, or else the
/// last error. Servers are numbered as in Servers.
class ResolutionFailure {
 public:
  /// Notes a reply that is not usable. Only the first one is kept: a second server is asked because it might know
  /// better, not worse.
  void note_refusal(std::size_t server, const upstream::Reply& reply);
  /// Notes why `server` has not answered. It replaces the error that was noted before.
  void note_error(std::size_t server, upstream::Error error);

  [[nodiscard]] bool has_refusal() const { return rcode_.has_value(); }
  /// True if the last error is of `server` and says more than that its time is over.
  [[nodiscard]] bool explains(std::size_t server) const {
    return error_ != upstream::Error::timeout && error_server_ == server;
  }
  /// The server that the answer is about.
  [[nodiscard]] std::size_t server() const { return rcode_ ? refusing_server_ : error_server_; }
  /// The answer, without its source and server. `name` is the server's name for people. The answer views this and
  /// `text`, in which the words about an error are written.
  [[nodiscard]] Answer answer(std::string_view name, std::string& text) const;

  /// Forgets everything, and keeps the buffer unless it is large.
  void recycle();

 private:
  std::optional<std::uint16_t> rcode_;  // of the reply that is kept; nullopt if there is none
  std::size_t refusing_server_ = 0;
  dns::Buffer message_;  // that reply; empty if it has no question or is long
  upstream::Error error_ = upstream::Error::timeout;
  std::size_t error_server_ = 0;
};

}  // namespace pillion::resolve
