#include "dns/query.hpp"

#include <array>

#include "dns/name.hpp"

namespace pillion::dns {
namespace {

constexpr QueryError to_query_error(ParseError error) {
  switch (error) {
    case ParseError::short_header:
      return QueryError::short_header;
    case ParseError::question_count:
      return QueryError::question_count;
    case ParseError::truncated_name:
      return QueryError::truncated_name;
    case ParseError::compressed_name:
      return QueryError::compressed_name;
    case ParseError::long_name:
      return QueryError::long_name;
    case ParseError::truncated_question:
      return QueryError::truncated_question;
    case ParseError::malformed_record:
      return QueryError::malformed_record;
    case ParseError::malformed_edns:
      return QueryError::malformed_edns;
    case ParseError::misplaced_tsig:
      return QueryError::misplaced_tsig;
    case ParseError::trailing_bytes:
      return QueryError::trailing_bytes;
  }
  return QueryError::malformed_record;
}

}  // namespace

void KeptQuery::assign(const QueryView& query) {
  const auto beginning = query.message.bytes().first(query.message.question_end());
  beginning_.assign(beginning.begin(), beginning.end());
  is_signed_ = query.message.is_signed();
  has_edns_ = query.edns.present;
  dnssec_ok_ = query.edns.dnssec_ok;
  version_ = query.edns.version;
  udp_payload_ = query.edns.udp_payload;
  is_padded_ = find_option(query.edns.options, option::padding).has_value();
  has_keepalive_ = find_option(query.edns.options, option::tcp_keepalive).has_value();
}

QueryView KeptQuery::view() const {
  // Two options of code and length (RFC 6891 section 6.1.2), without a value.
  static constexpr std::array<std::uint8_t, 8> both = {0, option::padding, 0, 0, 0, option::tcp_keepalive, 0, 0};
  const auto options = Bytes(both).subspan(is_padded_ ? 0 : 4, (is_padded_ ? 4 : 0) + (has_keepalive_ ? 4 : 0));
  return {.message = MessageView::of_beginning(beginning_, beginning_.size(), is_signed_),
          .edns = {.present = has_edns_,
                   .udp_payload = udp_payload_,
                   .extended_rcode = 0,
                   .version = version_,
                   .dnssec_ok = dnssec_ok_,
                   .options = options}};
}

std::expected<QueryView, QueryError> parse_query(Bytes message, const QueryRules& rules) {
  // QR is looked at first: a response must not be answered, not even with FORMERR, whatever else is wrong with it.
  const auto header = Header::of(message);
  if (!header) return std::unexpected(QueryError::short_header);
  if (header->is_response()) return std::unexpected(QueryError::is_response);

  const auto view = MessageView::parse(message);
  if (!view) return std::unexpected(to_query_error(view.error()));
  if (header->opcode() == opcode::query && header->answers() != 0) return std::unexpected(QueryError::answer_records);
  if (rules.reject_non_utf8_names && !is_utf8(view->question().name)) {
    return std::unexpected(QueryError::name_not_utf8);
  }
  return QueryView{*view, read_edns(*view)};
}

}  // namespace pillion::dns
