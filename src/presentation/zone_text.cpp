#include "presentation/zone_text.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "dns/name.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/zone_rdata.hpp"
#include "presentation/zone_word.hpp"

namespace pillion::presentation {
namespace {

constexpr std::string_view form = "`[owner] [ttl] [IN] type rdata`, such as `www 300 IN A 192.0.2.1`";
constexpr std::uint32_t max_ttl = std::numeric_limits<std::int32_t>::max();  // RFC 2181 section 8
constexpr std::uint32_t default_ttl = 300;

bool starts_with_digit(std::string_view text) {
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (auto& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

bool is_class_in(std::string_view word) {
  const auto upper = upper_case(word);
  return upper == "IN" || upper == "CLASS1";
}

bool is_other_class(std::string_view word) {
  const auto upper = upper_case(word);
  return upper == "CH" || upper == "CS" || upper == "HS" ||
         (upper.starts_with("CLASS") && starts_with_digit(upper.substr(5)) && upper != "CLASS1");
}

std::expected<dns::Buffer, std::string> read_owner(const Word& word, dns::Bytes origin) {
  auto owner = read_zone_name(word, origin);
  if (!owner || dns::NameView(*owner).is_within(origin)) return owner;
  return std::unexpected(shown(word.text) + " is outside the zone; allowed: a name within " +
                         shown(dns::to_text(origin)) +
                         ", or a name without the final dot, to which Pillion appends the zone");
}

// The fields between owner and rdata.
struct Head {
  std::uint32_t ttl = default_ttl;
  std::uint16_t type = 0;
};

// Checks that a zone can hold the type. Type 0 is reserved, and 128 to 255 and OPT are for queries and messages (RFC
// 6895 section 3.1). Returns an error message, which is empty if the type is allowed.
std::string check_type(std::uint16_t type) {
  if (type == 0 || type == dns::type::opt || (type >= 128 && type <= 255))
    return type_to_text(type) + " is not a type that a zone can hold; allowed: types of data, such as A, AAAA or TXT";
  if (type == dns::type::dname)
    return "a zone cannot have DNAME records here; allowed: a CNAME for each name, or the wildcard `*`";
  return {};
}

// Takes the words up to the type from the front of `words`.
std::expected<Head, std::string> read_head(Words& words) {
  Head head;
  bool has_ttl = false;
  bool has_class = false;
  while (!words.empty() && !words.front().quoted) {
    const auto text = words.front().text;
    words = words.subspan(1);
    if (starts_with_digit(text) && !has_ttl) {
      const auto ttl = parse_zone_time(text, max_ttl);
      if (!ttl)
        return std::unexpected(shown(text) + " is not a TTL; allowed: 0 to 2147483647 seconds, or such as 5m or 1h30m");
      head.ttl = *ttl;
      has_ttl = true;
    } else if (is_class_in(text) && !has_class) {
      has_class = true;
    } else if (is_other_class(text)) {
      return std::unexpected(shown(text) + " is not the class IN; allowed: IN, which may be left out");
    } else if (const auto type = type_from_text(text)) {
      if (auto problem = check_type(*type); !problem.empty()) return std::unexpected(std::move(problem));
      head.type = *type;
      return head;
    } else {
      return std::unexpected(shown(text) + " is not a record type; allowed: " + std::string(form));
    }
  }
  return std::unexpected("the type is missing; allowed: " + std::string(form));
}

// True if the first word may be a type or a class, so that the owner is probably missing.
bool looks_like_no_owner(const Word& first) {
  return !first.quoted && (type_from_text(first.text) || is_class_in(first.text));
}

}  // namespace

std::expected<dns::ZoneRecord, std::string> parse_zone_record(std::string_view line, dns::Bytes origin) {
  const auto split = split_zone_line(line);
  if (!split) return std::unexpected(split.error());
  Words words = *split;
  if (words.empty()) return std::unexpected("the text has no record; allowed: " + std::string(form));
  const auto first = words.front();
  if (first.text.starts_with('$') && !first.quoted)
    return std::unexpected(shown(first.text) + " is a directive; allowed: records, relative to " +
                           shown(dns::to_text(origin)));

  dns::ZoneRecord record;
  const bool names_owner = line.front() != ' ' && line.front() != '\t';
  if (names_owner) {
    auto owner = read_owner(first, origin);
    if (!owner) return std::unexpected(owner.error());
    record.owner = std::move(*owner);
    words = words.subspan(1);
  } else {
    record.owner.assign(origin.begin(), origin.end());
  }
  const auto head = read_head(words);
  if (!head) {
    if (names_owner && looks_like_no_owner(first))
      return std::unexpected("the owner before " + shown(first.text) + " is missing; allowed: " + std::string(form) +
                             ", where `@` is the zone itself");
    return std::unexpected(head.error());
  }
  record.ttl = head->ttl;
  record.type = head->type;
  auto rdata = read_zone_rdata(record.type, words, origin);
  if (!rdata) return std::unexpected(rdata.error());
  record.rdata = std::move(*rdata);
  return record;
}

}  // namespace pillion::presentation
