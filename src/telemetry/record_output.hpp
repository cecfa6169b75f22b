#pragma once
// The interface of a sink's output, and the waits of a sink's thread.

#include <chrono>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "telemetry/wakeup.hpp"

namespace pillion::telemetry {

/// Encoded records, one after the other.
struct RecordBatch {
  std::string bytes;
  std::vector<std::size_t> ends;  ///< offset in `bytes` behind each record

  [[nodiscard]] std::size_t size() const { return ends.size(); }
  [[nodiscard]] std::size_t start(std::size_t record) const { return record == 0 ? 0 : ends[record - 1]; }
  [[nodiscard]] std::string_view record(std::size_t index) const {
    return std::string_view(bytes).substr(start(index), ends[index] - start(index));
  }
  void clear() {
    bytes.clear();
    ends.clear();
  }
};

/// The waits of a sink's thread. They are unlimited until the sink is told to end. From then on they last for `grace`
/// in total.
class SinkWaits {
 public:
  static constexpr std::chrono::milliseconds grace{1000};

  /// `stop` is set when the sink is told to end. It must outlive this object.
  explicit SinkWaits(const EventDescriptor& stop) : stop_(stop) {}

  /// Waits until the descriptor is ready for `events` (poll(2)) or has an error. False if the time is over before that.
  [[nodiscard]] bool ready(int descriptor, short events);
  /// The same, but waits for at most `limit`.
  [[nodiscard]] bool ready(int descriptor, short events, std::chrono::milliseconds limit);
  /// Returns after `duration`, or when the sink is told to end.
  void pause(std::chrono::milliseconds duration);
  /// Returns when the event is set or the sink is told to end. May also return earlier, on a signal.
  void await(const EventDescriptor& event);
  /// True if the sink was told to end.
  [[nodiscard]] bool is_ending();

 private:
  const EventDescriptor& stop_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;  // nullopt: the sink was not told to end
};

/// The operating system's text for an error number (errno).
[[nodiscard]] inline std::string message_of(int error_number) {
  return std::generic_category().message(error_number);
}

/// A file, socket or descriptor that takes records. Only the sink's thread calls it. An implementation that throws ends
/// the sink.
class RecordOutput {
 public:
  RecordOutput() = default;
  RecordOutput(const RecordOutput&) = delete;
  RecordOutput& operator=(const RecordOutput&) = delete;
  virtual ~RecordOutput() = default;

  /// Opens the output, unless it is open. The error says why that failed.
  [[nodiscard]] virtual std::expected<void, std::string> open(SinkWaits& waits) = 0;

  struct Written {
    std::size_t records = 0;  ///< number of records, from `first` on, that were written completely
    /// Why not all were written; the output is closed then. Empty if all were written or the time is over.
    std::string error;
  };
  [[nodiscard]] virtual Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) = 0;
  /// Closes the output, if it is open, without loss of written records.
  virtual void close(SinkWaits& waits) = 0;
};

}  // namespace pillion::telemetry
