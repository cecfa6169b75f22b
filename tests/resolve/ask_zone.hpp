#pragma once
// Asks a local zone and reads its answer back as text.

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dns/message_builder.hpp"
#include "dns/response.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"
#include "resolve/local_zone.hpp"

namespace pillion::resolve::testing {

struct Response {
  std::uint16_t rcode = 0;
  std::uint16_t flags = 0;               ///< without opcode and RCODE
  std::vector<std::string> answers;      ///< "www.example. 300 A 192.0.2.1"
  std::vector<std::string> authorities;  ///< the same
  dns::Buffer bytes;
};

inline std::string record_text(dns::Bytes message, const dns::Record& record) {
  dns::Buffer owner;
  if (!dns::unpack_name(message, record.owner, owner)) return "a bad owner";
  return dns::to_text(owner) + " " + std::to_string(record.ttl) + " " + presentation::type_to_text(record.type) + " " +
         presentation::rdata_to_text(message, record);
}

/// Asks the zone. Throws if its answer is not a message, or has an additional section.
inline Response read_response(dns::Buffer bytes) {
  const auto view = dns::MessageView::parse(bytes).value();
  const auto header = view.header();
  Response response{.rcode = header.rcode(),
                    .flags = static_cast<std::uint16_t>(header.flags() & 0x87F0U),
                    .answers = {},
                    .authorities = {},
                    .bytes = {}};
  if (header.additionals() != 0) throw std::runtime_error("an additional section");
  dns::for_each_record(view, [&](const dns::Record& record) {
    auto& section = response.answers.size() < header.answers() ? response.answers : response.authorities;
    section.push_back(record_text(bytes, record));
  });
  response.bytes = std::move(bytes);
  return response;
}

inline dns::Buffer query_for(std::string_view name, std::uint16_t type, std::uint16_t klass = dns::klass::in,
                             std::uint16_t flags = dns::flag::rd) {
  dns::Buffer query;
  dns::append_query(query, 0x1234, flags, dns::testing::name_of(name), type, klass);
  return query;
}

inline Response ask(const LocalZone& zone, const dns::Buffer& query) {
  dns::Buffer out;
  zone.append_answer(dns::parse_query(query, {}).value(), out);
  return read_response(std::move(out));
}
inline Response ask(const LocalZone& zone, std::string_view name, std::uint16_t type) {
  return ask(zone, query_for(name, type));
}

}  // namespace pillion::resolve::testing
