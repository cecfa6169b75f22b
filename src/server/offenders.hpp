#pragma once
// Which clients send what is not a valid query, and how often: by address and reason, bounded. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/clock.hpp"
#include "server/client.hpp"

namespace pillion::server {

/// "10.1.2.3" or "2001:db8::1".
[[nodiscard]] std::string to_string(const ClientAddress& address);

struct HashAddress {
  [[nodiscard]] std::size_t operator()(const ClientAddress& address) const;
};

/// Counts rejections of a client by reason, and says when one is worth a line in the log.
class Offenders {
 public:
  /// Clients that are remembered; the one that was quiet for the longest is forgotten for a new one.
  static constexpr std::size_t max_clients = 1024;
  /// At most one line in the log for a client in this time.
  static constexpr std::chrono::seconds log_interval{10};

  struct Offender {
    std::array<std::uint64_t, invalid_labels.size()> by_reason{};
    std::uint64_t total = 0;
    std::uint64_t unreported = 0;  ///< since its last line in the log, this one included
    runtime::Time last_seen;
    runtime::Time last_reported = runtime::Time::min();
  };

  /// Counts one rejection. Returns the client's record when it should be logged now, else nullptr; mark_reported()
  /// follows.
  [[nodiscard]] Offender* count(const ClientAddress& client, dns::QueryError reason, runtime::Time now);
  static void mark_reported(Offender& record, runtime::Time now);

  /// The record of a client; nullptr for one that has not offended or was forgotten.
  [[nodiscard]] const Offender* find(const ClientAddress& client) const;
  [[nodiscard]] std::size_t size() const { return records_.size(); }

 private:
  std::unordered_map<ClientAddress, Offender, HashAddress> records_;
};

}  // namespace pillion::server
