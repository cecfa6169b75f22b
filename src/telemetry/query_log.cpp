#include "telemetry/query_log.hpp"

#include <utility>

#include "dns/edns.hpp"
#include "telemetry/turn_records.hpp"

namespace pillion::telemetry {
namespace {

QueryFacts facts_of(const server::AnsweredQuery& query) {
  const auto& question = query.query.question();
  return {.origin = query.origin,
          .answered = query.answered,
          .duration = query.answered - query.received,
          .id = dns::read_u16(query.message, 0),
          .type = question.type,
          .klass = question.klass,
          .rcode = query.rcode,
          .info_code = std::nullopt,
          .source = query.source};
}

/// The Extended DNS Error is Pillion's own, or else the first one of the upstream.
QueryRecord record_of(const server::AnsweredQuery& query, const server::AnswerDetails& details) {
  QueryRecord record{facts_of(query), query.query.question().name, details.upstream, details.server, details.text};
  record.info_code = details.info_code;
  dns::for_each_extended_error(details.extended_errors, [&](std::uint16_t info_code, dns::Bytes text) {
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
  Sampler(RecordSink& sink, std::size_t shard, runtime::Loop& loop, std::uint32_t sample, std::uint64_t seed)
      : records_(sink, shard, loop), sample_(sample), state_(seed | 1U) {}

  bool takes_next() override {
    return (sample_ >= config::whole_share || is_chosen()) && records_.admits(least_packed_size);
  }
  void answered(const server::AnsweredQuery& query) override {
    if (query.details != nullptr) [[unlikely]]
      return put_detailed(query);
    const dns::Bytes name = query.query.question().name;
    const auto space = records_.begin(packed_size(name));
    if (space.empty()) return;
    pack([&] { return facts_of(query); }, name, space);
    records_.commit();
  }

 private:
  void put_detailed(const server::AnsweredQuery& query) {
    const auto record = record_of(query, *query.details);
    const auto space = records_.begin(packed_size(record));
    if (space.empty()) return;
    pack(record, space);
    records_.commit();
  }
  /// Uses xorshift64 (Marsaglia, "Xorshift RNGs", 2003): the choice need not be unpredictable.
  [[nodiscard]] bool is_chosen() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return ((state_ >> 32U) * config::whole_share >> 32U) < sample_;
  }

  TurnRecords records_;
  std::uint32_t sample_;
  std::uint64_t state_;
};

QueryLog::QueryLog(Options options, std::unique_ptr<RecordOutput> output, runtime::Log& log)
    : sample_(options.sample),
      seed_(options.seed),
      sink_({.name = "query log",
             .thread_name = "pillion-queries",
             .address = options.address,
             .writers = options.shards,
             .queue = queue_size},
            std::make_unique<QueryLineEncoder>(options.fields, std::move(options.hash), std::move(options.header)),
            std::move(output), log) {}

QueryLog::~QueryLog() = default;

server::AnswerObserver& QueryLog::add_observer(std::size_t shard, runtime::Loop& loop) {
  // Two shards must not make the same choices.
  const auto seed = seed_ ^ (shard + 1) * 0x9E3779B97F4A7C15;
  return *samplers_.emplace_back(std::make_unique<Sampler>(sink_, shard, loop, sample_, seed));
}

}  // namespace pillion::telemetry
