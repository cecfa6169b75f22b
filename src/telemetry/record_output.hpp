#pragma once
// Where a sink's records go, and how long it may wait for that.

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

/// Encoded records, one behind the other.
struct RecordBatch {
  std::string bytes;
  std::vector<std::size_t> ends;  ///< of each record, in `bytes`

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

/// Waits of a sink's thread. They go on until the sink is to end, and from then on for `grace` altogether.
class SinkWaits {
 public:
  static constexpr std::chrono::milliseconds grace{1000};

  /// `stop` is set once the sink is to end, and outlives this.
  explicit SinkWaits(const EventDescriptor& stop) : stop_(stop) {}

  /// True when the descriptor is ready for `events` (poll(2)), or in error; false when the time is over.
  [[nodiscard]] bool ready(int descriptor, short events);
  /// The same, but no longer than `limit`.
  [[nodiscard]] bool ready(int descriptor, short events, std::chrono::milliseconds limit);
  /// Returns when `duration` is over, or the sink is to end.
  void pause(std::chrono::milliseconds duration);
  /// Returns when the event is set, or the sink is to end.
  void await(const EventDescriptor& event);
  /// True once the sink is to end.
  [[nodiscard]] bool is_ending();

 private:
  const EventDescriptor& stop_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;  // once the sink is to end
};

/// The operating system's text for an error number (errno).
[[nodiscard]] inline std::string message_of(int error_number) {
  return std::generic_category().message(error_number);
}

/// Called by the sink's thread only. None throws.
class RecordOutput {
 public:
  RecordOutput() = default;
  RecordOutput(const RecordOutput&) = delete;
  RecordOutput& operator=(const RecordOutput&) = delete;
  virtual ~RecordOutput() = default;

  /// Opens it, unless it is open; the error says why it cannot be.
  [[nodiscard]] virtual std::expected<void, std::string> open(SinkWaits& waits) = 0;

  struct Written {
    std::size_t records = 0;  ///< that were written whole, from `first` on
    std::string error;        ///< why no more; it is not open then. Empty where all were, or no time is left
  };
  [[nodiscard]] virtual Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) = 0;
  /// Ends it in an orderly way, if it is open.
  virtual void close(SinkWaits& waits) = 0;
};

}  // namespace pillion::telemetry
