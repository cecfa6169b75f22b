#pragma once
// Converts questions and answers of scenarios to messages, and back.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "dns/query.hpp"
#include "dns/zone_record.hpp"
#include "scenarios/script.hpp"

namespace pillion::scenarios {

/// NAME TYPE [CH] [DO] [CD] [no-RD] [signed]: all fields in which questions differ.
struct Question {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t klass = dns::klass::in;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  bool recursion_desired = true;
  bool is_signed = false;
};
[[nodiscard]] Question read_question(Words& words);
[[nodiscard]] Question question_of(const dns::QueryView& query);
[[nodiscard]] std::string to_text(const Question& question);

/// Fields that a client may add to a question, and that do not change the upstream's answer.
struct QueryOptions {
  std::uint16_t id = 0;
  bool edns = false;
  bool authentic_data = false;           ///< AD
  std::optional<std::uint16_t> payload;  ///< UDP; the size that its EDNS states
  bool is_udp = false;
};
[[nodiscard]] dns::Buffer query_message(const Question& question, const QueryOptions& options);

/// RCODE [AA] [TC] [AD] [signed] [no-OPT] [bare] [scope BITS] [keepalive N] [EDE CODE ["TEXT"]]…, and after a colon the
/// records: `/` separates sections, a comma separates records. OWNER TTL SOA minimum N stands for a whole SOA.
struct Reply {
  struct Error {
    std::uint16_t info_code = 0;
    std::string text;
  };
  std::uint16_t rcode = 0;
  std::uint16_t flags = 0;  ///< AA, TC, AD
  bool is_signed = false;
  bool without_edns = false;                 ///< no-OPT
  bool is_bare = false;                      ///< bare: no more than a header
  std::optional<std::uint8_t> scope{};       ///< an ECS option with this scope
  std::optional<std::uint16_t> keepalive{};  ///< the idle timeout, in units of 100 ms (RFC 7828)
  std::vector<Error> errors{};
  std::array<std::vector<dns::ZoneRecord>, 3> sections{};
  std::optional<std::string> source{};  ///< from SOURCE; only in answers to clients
};
[[nodiscard]] Reply read_reply(Words& words);
/// The reply of an upstream. Owners in which the question's name ends are pointers into it.
[[nodiscard]] dns::Buffer reply_message(const Question& question, const Reply& reply);
/// The text in the form that read_reply() reads.
[[nodiscard]] std::string to_text(const Reply& reply);
[[nodiscard]] std::string to_text(const dns::MessageView& message, std::string_view source);

}  // namespace pillion::scenarios
