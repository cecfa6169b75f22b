#include "server/offenders.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace pillion::server {

std::string to_string(const ClientAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  in6_addr v6{};
  std::memcpy(&v6, address.data(), address.size());
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    ::inet_ntop(AF_INET, address.data() + 12, text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

std::size_t HashAddress::operator()(const ClientAddress& address) const {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(address.data()), address.size()});
}

Offenders::Offender* Offenders::count(const ClientAddress& client, dns::QueryError reason, runtime::Time now) {
  if (records_.size() >= max_clients && !records_.contains(client)) {
    records_.erase(std::ranges::min_element(records_, {}, [](const auto& entry) { return entry.second.last_seen; }));
  }
  auto& record = records_[client];
  ++record.by_reason[static_cast<std::size_t>(reason)];
  ++record.total;
  ++record.unreported;
  record.last_seen = now;
  const bool due = record.last_reported == runtime::Time::min() || now - record.last_reported >= log_interval;
  return due ? &record : nullptr;
}

void Offenders::mark_reported(Offender& record, runtime::Time now) {
  record.last_reported = now;
  record.unreported = 0;
}

const Offenders::Offender* Offenders::find(const ClientAddress& client) const {
  const auto found = records_.find(client);
  return found == records_.end() ? nullptr : &found->second;
}

}  // namespace pillion::server
