#pragma once
// Counters for the data path with one writer (the shard's thread) and any number of readers (the exporter). A relaxed
// atomic that is written by a plain load and store costs as much as an ordinary integer, and is no data race.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pillion::runtime {

/// A number that only grows. Only one thread may call add().
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A number that grows and shrinks. Only one thread may write it.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double n) { set(value() + n); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// One object's part of a gauge that is the sum of several objects, which may overlap in time.
class GaugePart {
 public:
  explicit GaugePart(Gauge& gauge) : gauge_(gauge) {}
  GaugePart(const GaugePart&) = delete;
  GaugePart& operator=(const GaugePart&) = delete;
  ~GaugePart() { set(0); }

  void set(double part) {
    gauge_.add(part - part_);
    part_ = part;
  }
  void add(double n) { set(part_ + n); }

 private:
  Gauge& gauge_;
  double part_ = 0;
};

/// A gauge that several objects set, which may overlap in time. It shows the value of the newest one; when that one
/// goes, the last value of the one before it. Setters are made and destroyed on the writer's thread.
class NewestGauge {
 public:
  /// The value of one object. The gauge must outlive it.
  class Setter {
   public:
    Setter(NewestGauge& gauge, double value) : gauge_(&gauge), value_(value) {
      gauge.setters_.push_back(this);
      gauge.show();
    }
    Setter(Setter&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)), value_(other.value_) {
      if (gauge_ != nullptr) *std::ranges::find(gauge_->setters_, &other) = this;
    }
    Setter& operator=(Setter&&) = delete;
    ~Setter() {
      if (gauge_ == nullptr) return;
      std::erase(gauge_->setters_, this);
      gauge_->show();
    }

    void set(double value) {
      value_ = value;
      gauge_->show();
    }

   private:
    friend class NewestGauge;
    NewestGauge* gauge_;  // nullptr once moved from
    double value_;
  };

  /// The value of the newest setter. If no setter is left, the last value that was shown; 0 before the first.
  [[nodiscard]] double value() const { return shown_.value(); }

 private:
  void show() {
    if (!setters_.empty()) shown_.set(setters_.back()->value_);
  }

  Gauge shown_;
  std::vector<Setter*> setters_;  // the newest at the end
};

/// A flag. Only one thread may write it.
class Flag {
 public:
  void set(bool value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] bool value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> value_{false};
};

/// Upper bounds of the buckets in seconds, for everything that is timed, from a cache hit to a query's whole budget.
/// Each bound adds one time series for each source of answers and each server.
inline constexpr std::array<double, 8> duration_bounds = {0.000025, 0.0001, 0.0005, 0.0025, 0.01, 0.1, 0.5, 4.0};

/// A histogram of durations with the buckets of duration_bounds. Only one thread may call observe().
class Histogram {
 public:
  void observe(std::chrono::nanoseconds duration) {
    const auto seconds = std::chrono::duration<double>(duration).count();
    std::size_t bucket = 0;
    while (bucket < duration_bounds.size() && seconds > duration_bounds[bucket]) ++bucket;
    buckets_[bucket].add();
    sum_.add(static_cast<std::uint64_t>(duration.count()));
  }
  /// The number of observations in bucket `i` alone, not cumulative. The last bucket is +Inf.
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return buckets_[i].value(); }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_.value()) / 1e9; }

 private:
  std::array<Counter, duration_bounds.size() + 1> buckets_;
  Counter sum_;  // nanoseconds
};

}  // namespace pillion::runtime
