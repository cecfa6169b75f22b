#include "telemetry/query_record.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "dns/edns.hpp"

namespace pillion::telemetry {
namespace {

/// The part with a fixed size. It is the start of a packed record; the texts follow it.
struct QueryStart {
  server::QueryOrigin origin;
  runtime::Time answered;
  runtime::Duration duration{};
  std::uint16_t id = 0;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint16_t rcode = 0;
  std::uint16_t info_code = 0;
  std::uint16_t text_size = 0;
  std::uint16_t upstream_size = 0;
  std::uint16_t server_size = 0;
  std::uint8_t name_size = 0;
  bool has_info_code = false;
  resolve::Source source = resolve::Source::local;
};
static_assert(std::is_trivially_copyable_v<QueryStart>);

/// `name_size` has one byte.
static_assert(dns::max_name_size <= 0xff);

void append(std::uint8_t*& out, const void* data, std::size_t size) {
  if (size > 0) std::memcpy(out, data, size);
  out += size;
}

}  // namespace

QueryRecord record_of(const server::AnsweredQuery& query) {
  const auto& question = query.query.question();
  QueryRecord record{.origin = query.origin,
                     .answered = query.answered,
                     .duration = query.answered - query.received,
                     .id = query.query.message.header().id(),
                     .type = question.type,
                     .klass = question.klass,
                     .rcode = query.rcode,
                     .source = query.source,
                     .name = question.name,
                     .upstream = query.upstream,
                     .server = query.server,
                     .info_code = query.info_code,
                     .text = query.text};
  dns::for_each_extended_error(query.extended_errors, [&](std::uint16_t info_code, dns::Bytes text) {
    if (record.info_code) return;
    record.info_code = info_code;
    record.text = {reinterpret_cast<const char*>(text.data()), text.size()};
  });
  record.text = record.text.substr(0, max_error_text);
  return record;
}

std::size_t packed_size(const QueryRecord& record) {
  return sizeof(QueryStart) + record.name.size() + record.upstream.size() + record.server.size() + record.text.size();
}

void pack(const QueryRecord& record, std::span<std::uint8_t> out) {
  const QueryStart start{.origin = record.origin,
                         .answered = record.answered,
                         .duration = record.duration,
                         .id = record.id,
                         .type = record.type,
                         .klass = record.klass,
                         .rcode = record.rcode,
                         .info_code = record.info_code.value_or(0),
                         .text_size = static_cast<std::uint16_t>(record.text.size()),
                         .upstream_size = static_cast<std::uint16_t>(record.upstream.size()),
                         .server_size = static_cast<std::uint16_t>(record.server.size()),
                         .name_size = static_cast<std::uint8_t>(record.name.size()),
                         .has_info_code = record.info_code.has_value(),
                         .source = record.source};
  auto* at = out.data();
  append(at, &start, sizeof start);
  append(at, record.name.data(), record.name.size());
  append(at, record.upstream.data(), record.upstream.size());
  append(at, record.server.data(), record.server.size());
  append(at, record.text.data(), record.text.size());
}

QueryRecord unpack(std::span<const std::uint8_t> bytes) {
  QueryStart start;
  std::memcpy(&start, bytes.data(), sizeof start);
  auto rest = bytes.subspan(sizeof start);
  const auto take = [&](std::size_t size) {
    const auto taken = rest.first(size);
    rest = rest.subspan(size);
    return taken;
  };
  const auto take_text = [&](std::size_t size) {
    const auto taken = take(size);
    return std::string_view(reinterpret_cast<const char*>(taken.data()), taken.size());
  };
  QueryRecord record{.origin = start.origin,
                     .answered = start.answered,
                     .duration = start.duration,
                     .id = start.id,
                     .type = start.type,
                     .klass = start.klass,
                     .rcode = start.rcode,
                     .source = start.source,
                     .name = take(start.name_size),
                     .upstream = {},
                     .server = {},
                     .info_code = std::nullopt,
                     .text = {}};
  record.upstream = take_text(start.upstream_size);
  record.server = take_text(start.server_size);
  record.text = take_text(start.text_size);
  if (start.has_info_code) record.info_code = start.info_code;
  return record;
}

}  // namespace pillion::telemetry
