#pragma once
// A query that keeps its outcome, and replies that a server could send.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dns/name.hpp"
#include "dns/response.hpp"
#include "upstream/query.hpp"

namespace pillion::upstream::testing {

class TestQuery final : public Query {
 public:
  explicit TestQuery(std::string_view name = "www.example", std::uint16_t type = dns::type::a) {
    dns::append_query(message, 0, dns::flag::rd, dns::parse_name(name).value(), type, dns::klass::in);
  }

  void replied(const Reply& reply) override {
    ++replies;
    rcode = reply.rcode;
    truncated = reply.is_truncated;
  }
  void failed(Error error) override { errors.push_back(error); }
  void delayed() override { ++delays; }

  [[nodiscard]] bool is_open() const { return replies == 0 && errors.empty(); }

  int replies = 0;
  int delays = 0;
  bool truncated = false;
  std::optional<std::uint16_t> rcode;
  std::vector<Error> errors;
};

/// The flags, id and question of a good reply without records, which tests change.
inline dns::Buffer reply_to(const Query& query, std::uint16_t id, std::uint16_t rcode = dns::rcode::noerror) {
  dns::Buffer reply = query.message;
  dns::write_u16(reply, 0, id);
  dns::write_u16(reply, 2, static_cast<std::uint16_t>(dns::flag::qr | dns::flag::rd | dns::flag::ra | rcode));
  return reply;
}

/// The 12 bytes that some servers send if they could not read the question.
inline dns::Buffer header_reply(std::uint16_t id, std::uint16_t rcode) {
  dns::Buffer reply(dns::header_size, 0);
  dns::write_u16(reply, 0, id);
  dns::write_u16(reply, 2, static_cast<std::uint16_t>(dns::flag::qr | rcode));
  return reply;
}

}  // namespace pillion::upstream::testing
