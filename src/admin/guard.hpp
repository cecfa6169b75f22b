#pragma once
// Decides who may use the admin server. A browser on this machine, or at the other end of a forwarded port, also shows
// other sites, which must not read or change anything here.

#include <optional>
#include <string_view>

#include <boost/beast/http/status.hpp>

#include "http/request.hpp"

namespace pillion::admin {

/// The response to a request that is not allowed.
struct Refused {
  boost::beast::http::status status;
  std::string_view detail;  ///< static storage
};

/// Returns 421 if the Host field is not localhost, a loopback address or the address of this connection: any other
/// name may be another site's that resolves to this address (DNS rebinding). Returns 403 for a request of another
/// site's page, according to Sec-Fetch-Site or Origin, and for every change if `read_only`. Returns 415 for a change
/// whose Content-Type is not application/json, which a form on another site cannot send. Returns nullopt if the request
/// is allowed.
[[nodiscard]] std::optional<Refused> judge_request(const http::RequestContext& request, bool read_only);

}  // namespace pillion::admin
