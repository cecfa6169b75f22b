#include "telemetry/query_line.hpp"

#include <arpa/inet.h>

#include <array>
#include <bit>
#include <string_view>

#include "dns/name.hpp"
#include "presentation/mnemonics.hpp"
#include "telemetry/escaped_text.hpp"
#include "telemetry/plain_name.hpp"

namespace pillion::telemetry {
namespace {

using config::QueryLogField;

/// Bytes of a line up to the question's fields, without the part of a syslog header behind the time: two times, the
/// client's address, keys.
constexpr std::size_t max_head = 400;

/// Bytes of the id and the question's name, of at most 255 bytes, each of which may take five in JSON.
constexpr std::size_t max_question = 100 + 5 * dns::max_name_size;

/// Bytes of the rest of a line without the names of upstream and server: less than 300 for keys and numbers, and an
/// error's text of at most 256 bytes, each of which may take six.
constexpr std::size_t max_tail = 300 + 6 * max_error_text;

/// Compares as `==` does, but without a call.
bool is_same(const server::QueryOrigin& one, const server::QueryOrigin& other) {
  using Words = std::array<std::uint64_t, 2>;
  const auto address = std::bit_cast<Words>(one.address);
  const auto other_address = std::bit_cast<Words>(other.address);
  return address[0] == other_address[0] && address[1] == other_address[1] && one.port == other.port &&
         one.transport == other.transport && one.family == other.family;
}

void write_type(std::uint16_t type, LineWriter& line) {
  switch (type) {
    case dns::type::a:
      return line.character('A');
    case dns::type::aaaa:
      return line.literal("AAAA");
    default:
      return line.text(presentation::type_to_text(type));
  }
}

}  // namespace

void QueryLineEncoder::take(RecordRing& ring, std::size_t limit, RecordBatch& batch) {
  take_each(ring, limit, batch, [&](std::span<const std::uint8_t> record) { append(record, batch.bytes); });
}

[[gnu::always_inline]] inline void QueryLineEncoder::append(std::span<const std::uint8_t> record, std::string& out) {
  const auto& packed = packed_start(record);
  const auto& facts = packed.facts;
  const auto& tail = tail_of(facts);
  const std::string_view rest = tail.is_of(facts) && !packed.has_texts() ? tail.text : make_tail(unpack(record));
  if (facts.answered != head_time_ || !is_same(facts.origin, head_origin_) || head_.empty()) [[unlikely]]
    write_head(facts.origin, facts.answered);
  const auto start = out.size();
  out.resize_and_overwrite(start + head_.size() + max_question + rest.size(), [&](char* data, std::size_t) {
    LineWriter line(data + start);
    line.text(head_);
    if (has(QueryLogField::message_id)) {
      line.literal(R"(,"dns.id":")");
      line.short_number(facts.id);
      line.character('"');
    }
    if (has(QueryLogField::question_name)) {
      line.literal(R"(,"dns.question.name":")");
      line.go_to(write_name(packed_name(record), line.position()));
      line.character('"');
    }
    line.text(rest);
    return static_cast<std::size_t>(line.position() - data);
  });
}

void QueryLineEncoder::write_head(const server::QueryOrigin& origin, runtime::Time time) {
  if (head_.empty() || time != head_time_) tell_time(time);
  head_time_ = time;
  head_origin_ = origin;
  const auto header_size = header_ ? header_->behind_time().size() : 0;
  head_.resize_and_overwrite(max_head + header_size, [&](char* data, std::size_t) {
    LineWriter line(data);
    if (header_) {
      line.text(SyslogHeader::before_time(runtime::LogLevel::info));
      line.text(time_text_);
      line.text(header_->behind_time());
    }
    line.literal(R"({"@timestamp":")");
    line.text(time_text_);
    line.literal(R"(","ecs.version":"8.11.0","event.dataset":"pillion.dns")");
    write_client(origin, line);
    return static_cast<std::size_t>(line.position() - data);
  });
}

void QueryLineEncoder::tell_time(runtime::Time time) {
  constexpr std::size_t second_size = 19;
  const auto at = std::chrono::floor<std::chrono::microseconds>(system_ - (steady_ - time));
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  if (second != second_ || time_text_.empty()) {
    second_ = second;
    time_text_.clear();
    append_timestamp(time_text_, second);
    time_text_.replace(second_size, std::string::npos, ".000000Z");
  }
  LineWriter(time_text_.data() + second_size + 1).six_digits(static_cast<std::uint32_t>((at - second).count()));
}

void QueryLineEncoder::write_client(const server::QueryOrigin& origin, LineWriter& line) {
  if (has(QueryLogField::client_address)) {
    line.literal(R"(,"client.ip":")");
    write_address(origin, line);
    line.character('"');
  }
  if (has(QueryLogField::client_port)) {
    line.literal(R"(,"client.port":)");
    line.number(origin.port);
  }
  if (has(QueryLogField::transport)) {
    line.literal(R"(,"network.transport":")");
    line.text(server::transport_labels[origin.transport]);
    line.character('"');
  }
  if (has(QueryLogField::ip_family)) {
    line.literal(R"(,"network.type":")");
    line.text(server::family_labels[origin.family]);
    line.character('"');
  }
}

/// Keeps the text of the last address, since consecutive queries are often from one client.
void QueryLineEncoder::write_address(const server::QueryOrigin& origin, LineWriter& line) {
  if (address_text_.empty() || address_ != origin.address) {
    const bool is_ipv4 = origin.family == server::IpFamily::ipv4;
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(is_ipv4 ? AF_INET : AF_INET6, origin.address.data() + (is_ipv4 ? 12 : 0), text.data(), text.size());
    address_ = origin.address;
    address_text_ = text.data();
  }
  line.text(address_text_);
}

/// Writes the name as in a JSON string, without the quotes: the presentation format without the final dot (the root is
/// `.`), or the name's hash. Returns the end. There is room for the longest name and NameTexts::max_text more.
inline char* QueryLineEncoder::write_name(dns::Bytes name, char* out) {
  if (!NameTexts::fits(name)) [[unlikely]]
    return write_new_name(name, out);
  auto& place = names_.place_of(name);
  if (place.has(name)) [[likely]]
    return place.copy(out);
  char* const end = write_new_name(name, out);
  place.keep(name, {out, end});
  return end;
}

char* QueryLineEncoder::write_new_name(dns::Bytes name, char* out) {
  if (!hash_) {
    if (char* const end = write_plain_name(name, out); end != nullptr) return end;
  }
  LineWriter line(out);
  line.text(hash_ ? hash_->hex(name) : escaped(name));
  return line.position();
}

/// Valid until the next call of a function that uses `escaped_`.
std::string_view QueryLineEncoder::escaped(dns::Bytes name) {
  auto text = dns::to_text(name);
  if (text.size() > 1) text.pop_back();
  escaped_.clear();
  append_escaped(escaped_, text, {.quoted = true});
  return escaped_;
}

/// The end of the record's line, from the question's type on. Valid until the next call.
std::string_view QueryLineEncoder::make_tail(const QueryRecord& record) {
  const bool has_details = !record.upstream.empty() || !record.server.empty() || record.info_code;
  auto& tail = has_details ? detailed_tail_ : tail_of(record);
  tail.facts = static_cast<const QueryFacts&>(record);
  tail.text.resize_and_overwrite(max_tail + record.upstream.size() + record.server.size(),
                                 [&](char* data, std::size_t) {
                                   LineWriter line(data);
                                   write_tail(record, line);
                                   return static_cast<std::size_t>(line.position() - data);
                                 });
  return tail.text;
}

void QueryLineEncoder::write_tail(const QueryRecord& record, LineWriter& line) {
  if (has(QueryLogField::question_type)) {
    line.literal(R"(,"dns.question.type":")");
    write_type(record.type, line);
    line.character('"');
  }
  if (has(QueryLogField::question_class)) {
    line.literal(R"(,"dns.question.class":")");
    record.klass == 1 ? line.literal("IN") : line.text(presentation::class_to_text(record.klass));
    line.character('"');
  }
  write_answer(record, line);
  line.literal("}\n");
}

void QueryLineEncoder::write_answer(const QueryRecord& record, LineWriter& line) {
  if (has(QueryLogField::response_code)) {
    line.literal(R"(,"dns.response_code":")");
    record.rcode == dns::rcode::noerror ? line.literal("NOERROR")
                                        : line.text(presentation::rcode_to_text(record.rcode));
    line.character('"');
  }
  if (has(QueryLogField::duration)) {
    line.literal(R"(,"event.duration":)");
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(record.duration).count();
    line.number(static_cast<std::uint64_t>(nanoseconds));
  }
  if (has(QueryLogField::source)) {
    line.literal(R"(,"pillion.source":")");
    line.text(resolve::source_labels[record.source]);
    line.character('"');
  }
  // The configuration has checked both names, so that they need no escapes: letters, digits, and the characters of
  // addresses.
  if (has(QueryLogField::upstream) && !record.upstream.empty()) {
    line.literal(R"(,"pillion.upstream":")");
    line.text(record.upstream);
    line.character('"');
  }
  if (has(QueryLogField::server) && !record.server.empty()) {
    line.literal(R"(,"pillion.server":")");
    line.text(record.server);
    line.character('"');
  }
  if (record.info_code) write_error(record, line);
}

void QueryLineEncoder::write_error(const QueryRecord& record, LineWriter& line) {
  if (has(QueryLogField::error_code)) {
    line.literal(R"(,"pillion.ede.code":)");
    line.number(*record.info_code);
  }
  if (has(QueryLogField::error_text) && !record.text.empty()) {
    line.literal(R"(,"pillion.ede.text":)");
    escaped_.clear();
    append_quoted(escaped_, record.text);
    line.text(escaped_);
  }
}

}  // namespace pillion::telemetry
