#include "admin/server_trouble.hpp"

#include <algorithm>
#include <cstddef>

#include "dns/message.hpp"
#include "runtime/enum_array.hpp"
#include "server/metrics.hpp"

namespace pillion::admin {
namespace {

using upstream::Error;

/// The increase of a counter since `before`; the counter itself if `before` is nullptr.
template <typename Counters, typename Index>
std::uint64_t grown(const ServerFigures& now, const ServerFigures* before, Counters counters, Index index) {
  const auto count = (now.*counters)[index];
  return count - (before == nullptr ? 0 : std::min(count, (before->*counters)[index]));
}

}  // namespace

Error main_error(const ServerFigures& now, const ServerFigures* before) {
  auto most = Error::count_;
  std::uint64_t highest = 0;
  for (const auto error : runtime::enumerators<Error>) {
    // One failure of a server fails many queries. The server's failure is their cause, so it takes precedence.
    const bool is_of_server = upstream::traits(error).blame == upstream::Blame::server;
    const auto weight = grown(now, before, &ServerFigures::failures, error) * (is_of_server ? 1'000'000 : 1);
    if (weight > highest) {
      highest = weight;
      most = error;
    }
  }
  return most;
}

Trouble trouble_of(const ServerFigures& now, const ServerFigures* before) {
  Trouble trouble;
  std::uint64_t most = 0;
  const auto take = [&](std::uint64_t failures, std::string_view beginning, std::string_view reason) {
    trouble.failures += failures;
    if (failures <= most) return;
    most = failures;
    trouble.reason = beginning;
    trouble.reason += reason;
  };
  for (std::size_t rcode = 0; rcode < now.responses.size(); ++rcode) {
    const auto replies = grown(now, before, &ServerFigures::responses, rcode);
    if (rcode == dns::rcode::noerror || rcode == dns::rcode::nxdomain) {
      trouble.asked += replies;
    } else {
      take(replies, "it replies ", server::rcode_labels.at(rcode));
    }
  }
  for (const auto error : runtime::enumerators<Error>)
    take(grown(now, before, &ServerFigures::failures, error), "", upstream::traits(error).text);
  trouble.asked += trouble.failures;
  return trouble;
}

}  // namespace pillion::admin
