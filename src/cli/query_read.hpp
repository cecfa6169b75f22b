#pragma once
// Splits a reply into texts, for both output formats.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/query_exchange.hpp"

namespace pillion::cli {

struct RecordText {
  std::string name;
  std::string klass;
  std::string type;
  std::uint32_t ttl = 0;  ///< seconds
  std::string data;
};

struct ExtendedErrorText {
  std::uint16_t code = 0;
  std::string meaning;  ///< RFC 8914 section 4
  std::string text;     ///< the server's text; bytes other than printable ASCII as \DDD
};

struct EdnsText {
  std::uint8_t version = 0;
  std::uint16_t udp_payload = 0;  ///< bytes
  bool dnssec_ok = false;
  std::vector<ExtendedErrorText> extended_errors;
};

struct ReplyText {
  std::string status;
  std::uint16_t id = 0;
  std::vector<std::string_view> flags;
  std::optional<RecordText> question;  ///< without ttl and data
  std::array<std::vector<RecordText>, 3> sections;
  std::optional<EdnsText> edns;
};
inline constexpr std::array<std::string_view, 3> section_names{"answer", "authority", "additional"};

/// Reads a reply that exchange() has returned. If it has no question, only the header is read.
[[nodiscard]] ReplyText read_reply(const ServerReply& reply);

}  // namespace pillion::cli
