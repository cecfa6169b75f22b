#pragma once
// A thread that takes records from those that write them down in passing, encodes them and gives them to an output: so
// that a reader that stands still, a full disk or a socket that has gone costs records, and nothing else.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/log.hpp"
#include "runtime/metrics.hpp"
#include "telemetry/record_output.hpp"
#include "telemetry/record_ring.hpp"
#include "telemetry/wakeup.hpp"

namespace pillion::telemetry {

/// Called by the sink's thread only. None throws for what a record holds.
class RecordEncoder {
 public:
  RecordEncoder() = default;
  RecordEncoder(const RecordEncoder&) = delete;
  RecordEncoder& operator=(const RecordEncoder&) = delete;
  virtual ~RecordEncoder() = default;

  /// Both clocks, at one moment, before records are appended: they carry the first one's time, and tell the second's.
  virtual void set_time(std::chrono::steady_clock::time_point steady, std::chrono::system_clock::time_point system) = 0;
  /// Appends what becomes of one record.
  virtual void append(std::span<const std::uint8_t> record, std::string& out) = 0;
};

class RecordSink {
 public:
  struct Options {
    std::string name;         ///< for the log: "query log"
    std::string thread_name;  ///< at most 15 characters
    std::string address;      ///< for the log: where the records go
    std::size_t writers = 1;  ///< each with a ring of its own
    std::size_t queue = 0;    ///< bytes for all of them together that wait; more are dropped and counted
  };

  /// `log` outlives this. Throws std::system_error where the thread cannot be started.
  RecordSink(Options options, std::unique_ptr<RecordEncoder> encoder, std::unique_ptr<RecordOutput> output,
             runtime::Log& log);
  /// Writes what waits, for SinkWaits::grace at the most. No writer may be left.
  ~RecordSink();
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;

  /// Where one of the writers puts its records, and what it calls after each.
  [[nodiscard]] RecordRing& ring(std::size_t writer) { return *rings_[writer]; }
  [[nodiscard]] Wakeup& wakeup() { return wakeup_; }

  // Any thread may ask.
  [[nodiscard]] std::uint64_t written() const { return written_.value(); }
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  void run();
  /// Encodes what waits, up to a batch.
  void fill();
  void await_records();
  void deliver();
  void drop_rest();

  const Options options_;
  std::unique_ptr<RecordEncoder> encoder_;
  std::unique_ptr<RecordOutput> output_;
  runtime::Log& log_;
  std::vector<std::unique_ptr<RecordRing>> rings_;
  Wakeup wakeup_;
  EventDescriptor stop_;

  // The thread's own
  SinkWaits waits_{stop_};
  RecordBatch batch_;
  std::size_t next_ = 0;  // record of batch_
  std::chrono::milliseconds back_off_;
  bool is_failing_ = false;  // and the log has been told so
  runtime::Counter written_;
  runtime::Counter dropped_;  // at the end

  std::jthread thread_;
};

}  // namespace pillion::telemetry
