#include "telemetry/syslog_log.hpp"

#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "telemetry/escaped_text.hpp"

namespace pillion::telemetry {
namespace {

/// The start of a record in the ring; the line follows it.
struct LineStart {
  std::chrono::system_clock::time_point time;
  runtime::LogLevel level = runtime::LogLevel::info;
};
static_assert(std::is_trivially_copyable_v<LineStart>);

class LogLineEncoder final : public RecordEncoder {
 public:
  explicit LogLineEncoder(SyslogHeader header) : header_(std::move(header)) {}

  void set_time(std::chrono::steady_clock::time_point /*steady*/,
                std::chrono::system_clock::time_point /*system*/) override {}
  void take(RecordRing& ring, std::size_t limit, RecordBatch& batch) override {
    take_each(ring, limit, batch, [&](std::span<const std::uint8_t> record) { append(record, batch.bytes); });
  }

 private:
  void append(std::span<const std::uint8_t> record, std::string& out) {
    LineStart start;
    std::memcpy(&start, record.data(), sizeof start);
    out += SyslogHeader::before_time(start.level);
    append_timestamp(out, start.time);
    out += header_.behind_time();
    const auto line = record.subspan(sizeof start);
    out.append(line.begin(), line.end());
    out += '\n';
  }

  SyslogHeader header_;
};

}  // namespace

SyslogLog::SyslogLog(Logger& log, Options options, std::unique_ptr<RecordOutput> output)
    : log_(log),
      sink_({.name = "syslog",
             .thread_name = "pillion-syslog",
             .address = std::move(options.address),
             .writers = 1,
             .queue = queue_size},
            std::make_unique<LogLineEncoder>(std::move(options.header)), std::move(output), log) {
  log_.copy_to(this);
}

SyslogLog::~SyslogLog() {
  log_.copy_to(nullptr);
}

void SyslogLog::take(runtime::LogLevel level, std::chrono::system_clock::time_point time, std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  line = line.substr(0, max_line);
  const LineStart start{.time = time, .level = level};
  const std::scoped_lock lock(mutex_);
  auto& ring = sink_.ring(0);
  const auto space = ring.begin(sizeof start + line.size());
  if (space.empty()) return;
  std::memcpy(space.data(), &start, sizeof start);
  std::memcpy(space.data() + sizeof start, line.data(), line.size());
  ring.commit();
  sink_.publish(0);
}

}  // namespace pillion::telemetry
