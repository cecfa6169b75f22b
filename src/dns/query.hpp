#pragma once
// Reads a client's query by strict rules.

#include <cstdint>
#include <expected>
#include <string_view>

#include "dns/edns.hpp"
#include "dns/message.hpp"

namespace pillion::dns {

/// Why a client's message is not a valid query: values of the label `reason` of `pillion_dns_rejected_total`.
/// ParseError describes those that it has too.
enum class QueryError : std::uint8_t {
  short_header,
  is_response,  // QR is set; never answered, so that two servers cannot answer each other without end
  question_count,
  truncated_name,
  compressed_name,
  long_name,
  truncated_question,
  malformed_record,
  malformed_edns,
  misplaced_tsig,
  trailing_bytes,
  name_not_utf8,
  answer_records,  // the answer section has records (RFC 1035 section 4.1)
  count_,
};
/// The enumerator's name, which is also the metric's label.
[[nodiscard]] constexpr std::string_view to_string(QueryError error) {
  switch (error) {
    case QueryError::short_header:
      return "short_header";
    case QueryError::is_response:
      return "is_response";
    case QueryError::question_count:
      return "question_count";
    case QueryError::truncated_name:
      return "truncated_name";
    case QueryError::compressed_name:
      return "compressed_name";
    case QueryError::long_name:
      return "long_name";
    case QueryError::truncated_question:
      return "truncated_question";
    case QueryError::malformed_record:
      return "malformed_record";
    case QueryError::malformed_edns:
      return "malformed_edns";
    case QueryError::misplaced_tsig:
      return "misplaced_tsig";
    case QueryError::trailing_bytes:
      return "trailing_bytes";
    case QueryError::name_not_utf8:
      return "name_not_utf8";
    case QueryError::answer_records:
      return "answer_records";
    case QueryError::count_:
      break;
  }
  return "unknown";
}

/// True if the header is that of a query, so that a sender over UDP may be answered with FORMERR.
[[nodiscard]] constexpr bool deserves_formerr(QueryError error) {
  return error != QueryError::short_header && error != QueryError::is_response;
}

/// A valid query.
struct QueryView {
  MessageView message;
  Edns edns;  ///< the client's EDNS

  [[nodiscard]] const Question& question() const { return message.question(); }
  /// True if RD is set (RFC 1035 4.1.1).
  [[nodiscard]] bool is_recursive() const { return (message.header().flags() & flag::rd) != 0; }
};

/// The part of a query that is kept until it is answered: header and question, at most 271 bytes, and the fields of its
/// EDNS that the answer depends on.
class KeptQuery {
 public:
  /// Replaces the query that is kept.
  void assign(const QueryView& query);
  /// A view of the kept query, valid until the next assign(). Its EDNS options are empty ones of padding and of
  /// edns-tcp-keepalive, if the client sent these.
  [[nodiscard]] QueryView view() const;
  /// Frees the memory if it is that of a long name.
  void recycle() { dns::recycle(beginning_); }

 private:
  Buffer beginning_;
  bool is_signed_ = false;
  bool has_edns_ = false;
  bool dnssec_ok_ = false;
  bool is_padded_ = false;
  bool has_keepalive_ = false;
  std::uint8_t version_ = 0;
  std::uint16_t udp_payload_ = min_udp_payload;
};

struct QueryRules {
  bool reject_non_utf8_names = true;
};

/// Reads one query. The result is a view of `message`, which must outlive it. Other opcodes than QUERY are accepted,
/// and all types: the server decides what to answer.
[[nodiscard]] std::expected<QueryView, QueryError> parse_query(Bytes message, const QueryRules& rules);

}  // namespace pillion::dns
