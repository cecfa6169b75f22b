#include "telemetry/query_line.hpp"

#include <arpa/inet.h>

#include <array>
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

/// Bytes of the rest of a line without the names of upstream and server: less than 400 for keys and numbers, a name of
/// at most 255 bytes, each of which may take five in JSON, and an error's text of at most 256 bytes, each of which may
/// take six.
constexpr std::size_t max_rest = 400 + 5 * dns::max_name_size + 6 * max_error_text;

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

void QueryLineEncoder::append(const QueryRecord& record, std::string& out) {
  if (head_.empty() || record.answered != head_time_ || record.origin != head_origin_)
    write_head(record.origin, record.answered);
  const auto start = out.size();
  const auto room = head_.size() + max_rest + record.upstream.size() + record.server.size();
  out.resize_and_overwrite(start + room, [&](char* data, std::size_t) {
    LineWriter line(data + start);
    line.text(head_);
    write_query(record, line);
    auto& tail = tails_[record.type % tails_.size()];
    if (tail.is_of(record)) {
      line.text(tail.text);
    } else {
      const char* const from = line.position();
      write_tail(record, line);
      if (Tail::is_kept(record)) tail.keep(record, {from, line.position()});
    }
    return static_cast<std::size_t>(line.position() - data);
  });
}

bool QueryLineEncoder::Tail::is_kept(const QueryRecord& record) {
  return record.upstream.empty() && record.server.empty() && !record.info_code;
}

bool QueryLineEncoder::Tail::is_of(const QueryRecord& record) const {
  return !text.empty() && record.type == facts.type && record.klass == facts.klass && record.rcode == facts.rcode &&
         record.source == facts.source && record.duration == facts.duration && is_kept(record);
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

void QueryLineEncoder::write_query(const QueryRecord& record, LineWriter& line) {
  if (has(QueryLogField::message_id)) {
    line.literal(R"(,"dns.id":")");
    line.number(record.id);
    line.character('"');
  }
  if (has(QueryLogField::question_name)) {
    line.literal(R"(,"dns.question.name":")");
    write_name(record.name, line);
    line.character('"');
  }
}

/// Writes the name as a JSON string: the presentation format without the final dot (the root is `.`), or the name's
/// hash.
void QueryLineEncoder::write_name(dns::Bytes name, LineWriter& line) {
  char* const end = hash_ ? nullptr : write_plain_name(name, line.position());
  end != nullptr ? line.go_to(end) : write_hash_or_escaped(name, line);
}

void QueryLineEncoder::write_hash_or_escaped(dns::Bytes name, LineWriter& line) {
  if (hash_) return line.text(hash_->hex(name));
  auto text = dns::to_text(name);
  if (text.size() > 1) text.pop_back();
  escaped_.clear();
  append_escaped(escaped_, text, {.quoted = true});
  line.text(escaped_);
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
