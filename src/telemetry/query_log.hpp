#pragma once
// A line for each answered query of a client, written by a thread of its own.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "runtime/log.hpp"
#include "server/observer.hpp"
#include "telemetry/query_line.hpp"
#include "telemetry/record_sink.hpp"

namespace pillion::telemetry {

class QueryLog {
 public:
  /// Bytes of queries that wait to be written, for all shards; more are dropped and counted.
  static constexpr std::size_t queue_size = std::size_t{1} << 20U;

  struct Options {
    QueryLogFields fields;
    std::uint32_t sample = config::whole_share;  ///< as config::QueryLogSettings has it
    std::optional<NameHash> hash;                ///< nullopt: names are written as they are
    std::optional<SyslogHeader> header;          ///< nullopt: lines are not sent by syslog
    std::string address;                         ///< for the log: where the lines go
    std::size_t shards = 1;
    std::uint64_t seed = 0;  ///< of the samples
  };

  /// `log` outlives this. Throws std::system_error where the thread cannot be started.
  QueryLog(Options options, std::unique_ptr<RecordOutput> output, runtime::Log& log);
  /// Writes what waits, for a second at the most. No observer is called any more.
  ~QueryLog();

  /// For the thread of one shard.
  [[nodiscard]] server::QueryObserver& observer(std::size_t shard);

  // Any thread may ask.
  [[nodiscard]] std::uint64_t written() const { return sink_.written(); }
  [[nodiscard]] std::uint64_t dropped() const { return sink_.dropped(); }

 private:
  class Sampler;

  RecordSink sink_;
  std::vector<std::unique_ptr<Sampler>> samplers_;
};

}  // namespace pillion::telemetry
