#pragma once
// The query log: one line for each answered query of a client. A separate thread writes the lines.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "runtime/log.hpp"
#include "runtime/loop.hpp"
#include "server/observer.hpp"
#include "telemetry/query_line.hpp"
#include "telemetry/record_sink.hpp"

namespace pillion::telemetry {

class QueryLog {
 public:
  /// Bytes of queries of all shards that may wait to be written. Further ones are dropped and counted.
  static constexpr std::size_t queue_size = std::size_t{1} << 20U;

  struct Options {
    QueryLogFields fields{};
    std::uint32_t sample = config::whole_share;  ///< share of the queries, in the unit of config::QueryLogSettings
    std::optional<NameHash> hash;                ///< nullopt: names are written in plain text
    std::optional<SyslogHeader> header;          ///< nullopt: the output is not syslog
    std::string address;                         ///< in the log: the destination of the lines
    std::size_t shards = 1;
    std::uint64_t seed = 0;  ///< of the random choice of samples
  };

  /// `log` must outlive this object. Throws std::system_error if the thread cannot be started.
  QueryLog(Options options, std::unique_ptr<RecordOutput> output, runtime::Log& log);
  /// Writes the waiting lines, for at most one second. No thread may call an observer any more.
  ~QueryLog();

  /// Makes the observer of a shard, whose loop is given. Only the thread of this loop may call the observer. It lives
  /// as long as this object. Called once for each shard, by one thread.
  [[nodiscard]] server::AnswerObserver& add_observer(std::size_t shard, runtime::Loop& loop);

  // Any thread may call these.
  [[nodiscard]] std::uint64_t written() const { return sink_.written(); }
  [[nodiscard]] std::uint64_t dropped() const { return sink_.dropped(); }

 private:
  class Sampler;

  std::uint32_t sample_;
  std::uint64_t seed_;
  RecordSink sink_;
  std::vector<std::unique_ptr<Sampler>> samplers_;
};

}  // namespace pillion::telemetry
