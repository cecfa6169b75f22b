#pragma once
// Keeps a shard's counters of servers beyond the upstreams that contain them, so that the counters continue after a
// reload.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "upstream/metrics.hpp"

namespace pillion::app {

class ServerMetricsTable {
 public:
  /// The most counters that are kept for servers that no upstream has any more. The one unused for the longest is
  /// forgotten first.
  static constexpr std::size_t max_unused = 64;

  /// `kind` distinguishes the uses of the same server in the same upstream.
  [[nodiscard]] std::shared_ptr<upstream::ServerMetrics> find(const std::string& upstream, const std::string& server,
                                                              char kind) {
    auto key = upstream + '\n' + server + '\n' + kind;
    const auto known = std::ranges::find(entries_, key, &Entry::first);
    if (known != entries_.end()) {
      std::rotate(known, known + 1, entries_.end());
    } else {
      forget_unused();
      entries_.emplace_back(std::move(key), std::make_shared<upstream::ServerMetrics>());
    }
    return entries_.back().second;
  }

 private:
  using Entry = std::pair<std::string, std::shared_ptr<upstream::ServerMetrics>>;

  void forget_unused() {
    const auto is_unused = [](const Entry& entry) { return entry.second.use_count() == 1; };
    if (std::cmp_less(std::ranges::count_if(entries_, is_unused), max_unused)) return;
    entries_.erase(std::ranges::find_if(entries_, is_unused));
  }

  std::vector<Entry> entries_;  // the one requested last is at the end
};

}  // namespace pillion::app
