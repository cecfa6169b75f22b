#include "telemetry/query_log.hpp"

#include <utility>

#include "dns/edns.hpp"

namespace pillion::telemetry {
namespace {

/// The Extended DNS Error is Pillion's own, or else the first one of the upstream.
QueryRecord record_of(const server::AnsweredQuery& query) {
  const auto& question = query.query.question();
  QueryRecord record{{.origin = query.origin,
                      .answered = query.answered,
                      .duration = query.answered - query.received,
                      .id = query.query.message.header().id(),
                      .type = question.type,
                      .klass = question.klass,
                      .rcode = query.rcode,
                      .info_code = query.info_code,
                      .source = query.source},
                     question.name,
                     query.upstream,
                     query.server,
                     query.text};
  dns::for_each_extended_error(query.extended_errors, [&](std::uint16_t info_code, dns::Bytes text) {
    if (record.info_code) return;
    record.info_code = info_code;
    record.text = {reinterpret_cast<const char*>(text.data()), text.size()};
  });
  record.text = record.text.substr(0, max_error_text);
  return record;
}

}  // namespace

/// Chooses the queries of one shard that are logged, and puts them into the shard's ring.
class QueryLog::Sampler final : public server::AnswerObserver {
 public:
  Sampler(RecordRing& ring, Wakeup& wakeup, std::uint32_t sample, std::uint64_t seed)
      : ring_(ring), wakeup_(wakeup), sample_(sample), state_(seed | 1U) {}

  void answered(const server::AnsweredQuery& query) override {
    if (sample_ < config::whole_share && !is_chosen()) return;
    const auto record = record_of(query);
    const auto space = ring_.begin(packed_size(record));
    if (space.empty()) return;
    pack(record, space);
    ring_.commit();
    wakeup_.notify();
  }

 private:
  /// Uses xorshift64 (Marsaglia, "Xorshift RNGs", 2003): the choice need not be unpredictable.
  [[nodiscard]] bool is_chosen() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return ((state_ >> 32U) * config::whole_share >> 32U) < sample_;
  }

  RecordRing& ring_;
  Wakeup& wakeup_;
  std::uint32_t sample_;
  std::uint64_t state_;
};

QueryLog::QueryLog(Options options, std::unique_ptr<RecordOutput> output, runtime::Log& log)
    : sink_({.name = "query log",
             .thread_name = "pillion-queries",
             .address = options.address,
             .writers = options.shards,
             .queue = queue_size},
            std::make_unique<QueryLineEncoder>(options.fields, std::move(options.hash), std::move(options.header)),
            std::move(output), log) {
  for (std::size_t shard = 0; shard < options.shards; ++shard) {
    // Two shards must not make the same choices.
    const auto seed = options.seed ^ (shard + 1) * 0x9E3779B97F4A7C15;
    samplers_.push_back(std::make_unique<Sampler>(sink_.ring(shard), sink_.wakeup(), options.sample, seed));
  }
}

QueryLog::~QueryLog() = default;

server::AnswerObserver& QueryLog::observer(std::size_t shard) {
  return *samplers_[shard];
}

}  // namespace pillion::telemetry
