#pragma once
// Who may ask the admin server. A browser on this machine, or at the other end of a port that is forwarded, shows
// other sites as well; none of them is to read or change anything here.

#include <optional>
#include <string_view>

#include <boost/beast/http/status.hpp>

#include "http/request.hpp"

namespace pillion::admin {

struct Refused {
  boost::beast::http::status status;
  std::string_view detail;  ///< of static storage
};

/// 421 where the Host field is not localhost, a loopback address or where the request has arrived: a name that was made
/// to lead here is another site's (DNS rebinding). 403 for a request by another site's page, as Sec-Fetch-Site or
/// Origin say, and for every change while `read_only`; 415 for a change whose body is not JSON. nullopt for the others.
[[nodiscard]] std::optional<Refused> judge_request(const http::RequestContext& request, bool read_only);

}  // namespace pillion::admin
