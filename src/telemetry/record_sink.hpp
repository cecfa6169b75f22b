#pragma once
// A thread that takes records from the threads of the shards, encodes them and gives them to an output. If a reader
// stops reading, a disk is full or a socket is closed, records are lost, but no query waits.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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

/// Turns records into bytes. Only the sink's thread calls it. An implementation does not throw because of a record's
/// contents.
class RecordEncoder {
 public:
  RecordEncoder() = default;
  RecordEncoder(const RecordEncoder&) = delete;
  RecordEncoder& operator=(const RecordEncoder&) = delete;
  virtual ~RecordEncoder() = default;

  /// Sets the relation of both clocks, read at one moment. Records carry steady time, and the output shows system time.
  /// Called before each batch.
  virtual void set_time(std::chrono::steady_clock::time_point steady, std::chrono::system_clock::time_point system) = 0;
  /// Encodes the ring's records until the batch has `limit` bytes or the ring is empty.
  virtual void take(RecordRing& ring, std::size_t limit, RecordBatch& batch) = 0;

 protected:
  /// Does what take() is for. `append(record)` appends the encoding of one record to the batch's bytes.
  template <typename Append>
  static void take_each(RecordRing& ring, std::size_t limit, RecordBatch& batch, Append append) {
    while (batch.bytes.size() < limit) {
      const auto record = ring.front();
      if (record.data() == nullptr) break;
      append(record);
      batch.ends.push_back(batch.bytes.size());
      ring.pop();
    }
    ring.release();
  }
};

class RecordSink {
 public:
  struct Options {
    std::string name;         ///< in the log, such as "query log"
    std::string thread_name;  ///< at most 15 characters
    std::string address;      ///< in the log: the destination of the records
    std::size_t writers = 1;  ///< number of writer threads; each has its own ring
    std::size_t queue = 0;    ///< bytes that may wait in all rings together; further records are dropped and counted
  };

  /// `log` must outlive this object. Throws std::system_error if the thread cannot be started.
  RecordSink(Options options, std::unique_ptr<RecordEncoder> encoder, std::unique_ptr<RecordOutput> output,
             runtime::Log& log);
  /// Writes the waiting records, for at most SinkWaits::grace. No writer may be active any more.
  ~RecordSink();
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;

  /// The ring of one writer. Records that were put into it and are not published yet are written at the end, too.
  [[nodiscard]] RecordRing& ring(std::size_t writer) { return *rings_[writer]; }
  /// The writer calls this after one or more commit(): the sink's thread sees the records, and is woken if it sleeps.
  void publish(std::size_t writer) {
    rings_[writer]->publish();
    wakeup_.notify();
  }

  // Any thread may call these.
  [[nodiscard]] std::uint64_t written() const { return written_.value(); }
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  void run();
  /// Encodes waiting records, at most one batch.
  void fill();
  void await_records();
  void deliver();
  /// Writes a line to the log, at most one each minute. Some outputs work and fail in turns, and the line may itself be
  /// a record of this sink.
  void report(const std::string& error);
  void drop_rest();

  const Options options_;
  std::unique_ptr<RecordEncoder> encoder_;
  std::unique_ptr<RecordOutput> output_;
  runtime::Log& log_;
  std::vector<std::unique_ptr<RecordRing>> rings_;
  Wakeup wakeup_;
  EventDescriptor stop_;

  // Only the sink's thread uses these.
  SinkWaits waits_{stop_};
  RecordBatch batch_;
  std::size_t next_ = 0;  // index in batch_ of the first record that is not written
  std::chrono::milliseconds back_off_;
  std::chrono::steady_clock::time_point last_failure_;
  bool is_failing_ = false;     // True if the log's last line about the output says that it fails
  std::uint64_t failures_ = 0;  // since that line
  std::optional<std::chrono::steady_clock::time_point> reported_at_;
  runtime::Counter written_;
  runtime::Counter dropped_;  // by drop_rest()

  std::jthread thread_;
};

}  // namespace pillion::telemetry
