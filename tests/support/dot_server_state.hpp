#pragma once
// The state that the server's thread and the test's thread share: settings, faults, counters. Internal to dot_server.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "support/dot_server.hpp"

namespace pillion::test {

class DotServerState {
 public:
  /// Throws std::runtime_error if TLS is wanted and the identity or the TLS settings are invalid.
  DotServerState(ServerSettings settings, bool tls);

  /// A consistent copy; cheap.
  [[nodiscard]] std::shared_ptr<const ServerSettings> settings() const;
  [[nodiscard]] TlsContext tls_context() const;
  void change(const std::function<void(ServerSettings&)>& edit);
  void renew_tls_context();

  void add_fault(QueryFault fault);
  void clear_faults();
  /// The fault for this query, whose `times` decreases; a fault without an effect if there is none.
  [[nodiscard]] QueryFault take_fault(std::string_view name, std::uint16_t type);

  /// Changes the counters, and wakes the threads that wait for them.
  template <typename Edit>
  void count(Edit edit) {
    {
      const std::scoped_lock lock(mutex_);
      edit(counters_);
    }
    changed_.notify_all();
  }
  void count_query(ReceivedQuery query);
  void count_record(const ReceivedRecord& record);

  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::vector<ReceivedQuery> queries() const;
  [[nodiscard]] std::vector<ReceivedRecord> records() const;
  [[nodiscard]] bool wait_for(const std::function<bool(const Counters&)>& enough,
                              std::chrono::milliseconds limit) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool tls_;
  std::shared_ptr<const ServerSettings> settings_;
  TlsContext tls_context_;
  std::deque<QueryFault> faults_;
  Counters counters_;
  std::vector<ReceivedQuery> queries_;
  std::vector<ReceivedRecord> records_;
};

}  // namespace pillion::test
