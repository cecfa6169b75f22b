#pragma once
// Counts TLS connections by their negotiated parameters. Pure.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/metrics.hpp"

namespace pillion::upstream {

/// The counters of one server for the label values of pillion_tls_connections_total. The values are OpenSSL's names of
/// what we offer, at most a few dozen combinations. The first max_combinations have their own series; all others count
/// as "other".
class TlsConnectionCounters {
 public:
  static constexpr std::size_t max_combinations = 8;

  /// An empty value counts as "none". Only one thread may call this.
  void add(std::string_view version, std::string_view group, std::string_view cipher) {
    const auto size = size_.load(std::memory_order_relaxed);
    const std::array values = {or_none(version), or_none(group), or_none(cipher)};
    for (std::size_t i = 0; i < size; ++i) {
      if (std::ranges::equal(series_[i].values, values)) return series_[i].count.add();
    }
    if (size == max_combinations) return other_.add();
    std::ranges::copy(values, series_[size].values.begin());
    series_[size].count.add();
    size_.store(size + 1, std::memory_order_release);  // from now on other threads may read the texts
  }

  /// Calls `visit(version, group, cipher, count)` for each combination. Any thread may call this.
  template <typename Visit>
  void for_each(Visit visit) const {
    const auto size = size_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < size; ++i) {
      const auto& [values, count] = series_[i];
      visit(std::string_view(values[0]), std::string_view(values[1]), std::string_view(values[2]), count.value());
    }
    if (other_.value() > 0)
      visit(std::string_view("other"), std::string_view("other"), std::string_view("other"), other_.value());
  }

 private:
  struct Series {
    std::array<std::string, 3> values;
    runtime::Counter count;
  };
  [[nodiscard]] static std::string_view or_none(std::string_view value) { return value.empty() ? "none" : value; }

  std::array<Series, max_combinations> series_;
  std::atomic<std::size_t> size_{0};
  runtime::Counter other_;
};

}  // namespace pillion::upstream
