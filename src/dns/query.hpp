#pragma once
// What we accept from a client (DESIGN "Towards clients"): the strict reading of "a valid query".

#include <cstdint>
#include <expected>
#include <string_view>

#include "dns/edns.hpp"
#include "dns/message.hpp"

namespace pillion::dns {

/// Why a client's message is not a valid query. Each is a value of the metric `pillion_dns_rejected_total{reason}`.
enum class QueryError : std::uint8_t {
  short_header,
  is_response,  // QR is set: never answered, so that two servers cannot keep each other busy
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
  answer_records,  // a query has none in its answer section (RFC 1035 section 4.1)
  count_,
};
[[nodiscard]] std::string_view to_string(QueryError error);

/// True if a UDP sender may be told FORMERR: only where the header can be trusted to be a query's.
[[nodiscard]] constexpr bool deserves_formerr(QueryError error) {
  return error != QueryError::short_header && error != QueryError::is_response;
}

/// A valid query and what is needed to answer it.
struct QueryView {
  MessageView message;
  Edns edns;  ///< the client's EDNS; `present` is false where it sent none

  [[nodiscard]] const Question& question() const { return message.question(); }
  /// True if RD is set (RFC 1035 4.1.1).
  [[nodiscard]] bool is_recursive() const { return (message.header().flags() & flag::rd) != 0; }
};

/// What has to be kept of a query until it is answered: the header and the question, at most 271 bytes, and what its
/// EDNS says of the answer.
class KeptQuery {
 public:
  /// Keeps this query in place of the one before.
  void assign(const QueryView& query);
  /// The query as far as it is kept; of its EDNS options, empty ones that say that the client pads and knows of
  /// keepalive. Views this.
  [[nodiscard]] QueryView view() const;
  /// Gives the memory of a long name back.
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

/// Reads one query. The result refers to `message`, which must outlive it.
/// Opcodes other than QUERY and types that are refused pass: what to answer them is the server's business.
[[nodiscard]] std::expected<QueryView, QueryError> parse_query(Bytes message, const QueryRules& rules);

}  // namespace pillion::dns
