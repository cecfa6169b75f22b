#pragma once
// Encodes a line of the query log: one JSON object (RFC 8259) with the names of the Elastic Common Schema. Uses OpenSSL
// for the hash of names only.

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "runtime/enum_array.hpp"
#include "telemetry/line_writer.hpp"
#include "telemetry/name_hash.hpp"
#include "telemetry/name_texts.hpp"
#include "telemetry/query_record.hpp"
#include "telemetry/record_sink.hpp"
#include "telemetry/syslog_header.hpp"

namespace pillion::telemetry {

/// True for each field that a line has.
using QueryLogFields = runtime::EnumArray<config::QueryLogField, bool>;

class QueryLineEncoder final : public RecordEncoder {
 public:
  /// `hash` is nullopt if names are written in plain text. `header` is nullopt if the lines have no syslog header.
  QueryLineEncoder(QueryLogFields fields, std::optional<NameHash> hash, std::optional<SyslogHeader> header = {})
      : fields_(fields), hash_(std::move(hash)), header_(std::move(header)) {}

  void set_time(std::chrono::steady_clock::time_point steady, std::chrono::system_clock::time_point system) override {
    steady_ = steady;
    system_ = system;
    head_.clear();
  }
  /// The records are QueryRecords that pack() has written. Each becomes a line of less than PIPE_BUF bytes with its
  /// newline.
  void take(RecordRing& ring, std::size_t limit, RecordBatch& batch) override;

 private:
  /// The end of a line, from the query's type on. Answers from the cache to queries of one type have the same tail.
  struct Tail {
    /// True if it is the tail of a query with these facts and without texts.
    [[nodiscard]] bool is_of(const QueryFacts& its_facts) const {
      return its_facts.type == facts.type && its_facts.duration == facts.duration && its_facts.klass == facts.klass &&
             its_facts.rcode == facts.rcode && its_facts.source == facts.source && !its_facts.info_code &&
             !text.empty();
    }

    QueryFacts facts;
    std::string text;  // empty: none yet
  };

  [[nodiscard]] bool has(config::QueryLogField field) const { return fields_[field]; }
  /// Where the tail of a query with these facts and without texts is, or has its place.
  [[nodiscard]] Tail& tail_of(const QueryFacts& facts) { return tails_[facts.type % tails_.size()]; }
  void append(std::span<const std::uint8_t> record, std::string& out);
  /// Sets `head_` to the start of the line of a query of `origin` that was answered at `time`.
  void write_head(const server::QueryOrigin& origin, runtime::Time time);
  /// Sets `time_text_` to the text of `time`.
  void tell_time(runtime::Time time);
  void write_client(const server::QueryOrigin& origin, LineWriter& line);
  void write_address(const server::QueryOrigin& origin, LineWriter& line);
  char* write_name(dns::Bytes name, char* out);
  char* write_new_name(dns::Bytes name, char* out);
  std::string_view escaped(dns::Bytes name);
  std::string_view make_tail(const QueryRecord& record);
  void write_tail(const QueryRecord& record, LineWriter& line);
  void write_answer(const QueryRecord& record, LineWriter& line);
  void write_error(const QueryRecord& record, LineWriter& line);

  QueryLogFields fields_;
  std::optional<NameHash> hash_;
  std::optional<SyslogHeader> header_;
  std::chrono::steady_clock::time_point steady_;
  std::chrono::system_clock::time_point system_;
  std::chrono::sys_seconds second_{std::chrono::seconds(-1)};  // second of `time_text_`
  std::string time_text_;                                      // "2026-01-02T03:04:05.678901Z"
  // Queries of one client that are answered in one turn have the same head.
  std::string head_;                 // from the start of a line to the question's fields; empty: none yet
  runtime::Time head_time_;          // time in `head_`
  server::QueryOrigin head_origin_;  // client in `head_`
  std::array<Tail, 8> tails_;        // last tail of each type, the index being the type modulo the size
  Tail detailed_tail_;               // of the last answer with an error or from a server
  NameTexts names_;
  server::ClientAddress address_{};  // address in `address_text_`
  std::string address_text_;         // empty: no address yet
  std::string escaped_;              // buffer for text that needs escapes
};

}  // namespace pillion::telemetry
