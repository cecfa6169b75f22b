#include "presentation/zone_rdata.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "dns/rdata.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::presentation {
namespace {

constexpr std::size_t max_rdata_size = std::numeric_limits<std::uint16_t>::max();  // RDLENGTH

constexpr std::string_view readable_fields = "124aAnsScqx";  // the letters of dns::rdata_layout() that can be read

// An example of the rdata of a type for error messages.
std::string_view example_of(std::uint16_t rr_type) {
  switch (rr_type) {
    case dns::type::a:
      return "192.0.2.1";
    case dns::type::aaaa:
      return "2001:db8::1";
    case dns::type::cname:
    case dns::type::ns:
    case dns::type::ptr:
      return "host.example.";
    case dns::type::mx:
      return "10 mail.example.";
    case dns::type::txt:
      return R"("some text")";
    case dns::type::srv:
      return "10 5 443 host.example.";
    case dns::type::soa:
      return "ns.example. admin.example. 1 2h 1h 2w 5m";
    case dns::type::caa:
      return R"(0 issue "ca.example")";
    default:
      return R"(\# LENGTH HEX)";
  }
}

std::string example_text(std::uint16_t rr_type) {
  return "; allowed: such as `" + type_to_text(rr_type) + " " + std::string(example_of(rr_type)) + "`";
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads hexadecimal digits, which may be in several words.
std::expected<dns::Buffer, std::string> read_hex(Words words) {
  dns::Buffer bytes;
  int high = -1;
  for (const auto& word : words) {
    for (const auto c : word.text) {
      const auto digit = hex_digit(c);
      if (digit < 0)
        return std::unexpected(shown(word.text) + " is not hexadecimal; allowed: two digits for each byte");
      if (high >= 0) bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = high < 0 ? digit : -1;
    }
  }
  if (high >= 0) return std::unexpected("the number of hexadecimal digits is odd; allowed: two for each byte");
  return bytes;
}

// Reads words as the fields of a layout. Each function returns an error message, which is empty without an error.
class RdataReader {
 public:
  RdataReader(std::uint16_t rr_type, Words words, dns::Bytes origin) : type_(rr_type), words_(words), origin_(origin) {}

  [[nodiscard]] std::expected<dns::Buffer, std::string> read(std::string_view layout) {
    for (const auto field : layout) {
      if (words_.empty())
        return std::unexpected("the rdata of " + type_to_text(type_) + " is incomplete" + example_text(type_));
      if (auto problem = read_field(field); !problem.empty()) return std::unexpected(std::move(problem));
    }
    if (!words_.empty())
      return std::unexpected(shown(words_.front().text) + " follows the rdata of " + type_to_text(type_) +
                             ", which is complete" + example_text(type_));
    return std::move(rdata_);
  }

 private:
  Word take() {
    const auto word = words_.front();
    words_ = words_.subspan(1);
    return word;
  }

  std::string read_field(char field) {
    switch (field) {
      case '1':
        return read_number(1);
      case '2':
        return read_number(2);
      case '4':
        return read_time();
      case 'a':
        return read_address(AF_INET, 4, " is not an IPv4 address");
      case 'A':
        return read_address(AF_INET6, 16, " is not an IPv6 address");
      case 'n':
        return take_bytes(read_zone_name(take(), origin_));
      case 's':
        return read_string();
      case 'S':
        return read_strings();
      case 'c':
        return read_tag();
      case 'q':
        return take_bytes(read_zone_string(take()));
      case 'x':
        return take_bytes(read_hex(std::exchange(words_, {})));
      default:
        return "a field of this type cannot be read from text";
    }
  }

  std::string take_bytes(const std::expected<dns::Buffer, std::string>& bytes) {
    if (!bytes) return bytes.error();
    dns::append(rdata_, *bytes);
    return {};
  }

  std::string read_number(std::size_t size) {
    const auto text = take().text;
    const std::uint32_t max = (1U << 8 * size) - 1;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max)
      return shown(text) + " is not a number from 0 to " + std::to_string(max) + example_text(type_);
    if (size == 2) rdata_.push_back(static_cast<std::uint8_t>(value >> 8U));
    rdata_.push_back(static_cast<std::uint8_t>(value));
    return {};
  }

  // The serial number or a time of a SOA record, the only type with such fields.
  std::string read_time() {
    const auto text = take().text;
    const auto value = parse_zone_time(text, std::numeric_limits<std::uint32_t>::max());
    if (!value) return shown(text) + " is not a number from 0 to 4294967295 or a time such as 2h" + example_text(type_);
    dns::append_u32(rdata_, *value);
    return {};
  }

  std::string read_address(int family, std::size_t size, std::string_view problem) {
    const auto text = take().text;
    std::array<std::uint8_t, 16> address{};
    // inet_pton would stop at a zero byte.
    if (text.find('\0') != std::string_view::npos || inet_pton(family, std::string(text).c_str(), address.data()) != 1)
      return shown(text) + std::string(problem) + example_text(type_);
    dns::append(rdata_, dns::Bytes(address).first(size));
    return {};
  }

  std::string read_string() {
    const auto word = take();
    const auto bytes = read_zone_string(word);
    if (!bytes) return bytes.error();
    if (bytes->size() > 255)
      return "the string " + shown(word.text) + " has " + std::to_string(bytes->size()) +
             " bytes; allowed: several strings of at most 255 bytes each";
    rdata_.push_back(static_cast<std::uint8_t>(bytes->size()));
    dns::append(rdata_, *bytes);
    return {};
  }

  std::string read_strings() {
    std::string problem;
    while (problem.empty() && !words_.empty()) problem = read_string();
    return problem;
  }

  // Reads the tag of a CAA record: letters and digits (RFC 8659 section 4.1).
  std::string read_tag() {
    const auto text = take().text;
    const auto letter_or_digit = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    if (text.empty() || text.size() > 255 || !std::ranges::all_of(text, letter_or_digit))
      return shown(text) + " is not a tag of letters and digits" + example_text(type_);
    rdata_.push_back(static_cast<std::uint8_t>(text.size()));
    rdata_.insert(rdata_.end(), text.begin(), text.end());
    return {};
  }

  std::uint16_t type_;
  Words words_;
  dns::Bytes origin_;
  dns::Buffer rdata_;
};

// True if the rdata fits the layout of its type, or the type has no layout in dns::rdata_layout().
bool fits_layout(std::uint16_t rr_type, dns::Bytes rdata) {
  return dns::rdata_layout(rr_type).empty() || uncompressed_rdata_to_text(rr_type, rdata).has_value();
}

// Reads the words behind `\#` (RFC 3597 section 5).
std::expected<dns::Buffer, std::string> read_generic(std::uint16_t rr_type, Words words) {
  constexpr std::string_view form = R"(; allowed: `\# LENGTH HEX`, such as `\# 4 C0000201`)";
  const auto length_text = words.empty() ? std::string_view{} : words.front().text;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(length_text.data(), length_text.data() + length_text.size(), length);
  if (error != std::errc{} || end != length_text.data() + length_text.size() || length > max_rdata_size)
    return std::unexpected(shown(length_text) + " is not a length from 0 to 65535" + std::string(form));
  auto rdata = read_hex(words.subspan(1));
  if (!rdata) return rdata;
  if (rdata->size() != length)
    return std::unexpected("the length is " + std::to_string(length) + ", but the hexadecimal digits make " +
                           std::to_string(rdata->size()) + std::string(form));
  if (!fits_layout(rr_type, *rdata))
    return std::unexpected("the hexadecimal digits are not the rdata of " + type_to_text(rr_type) +
                           example_text(rr_type));
  return rdata;
}

}  // namespace

std::expected<dns::Buffer, std::string> read_zone_rdata(std::uint16_t rr_type, Words words, dns::Bytes origin) {
  if (!words.empty() && !words.front().quoted && words.front().text == R"(\#)")
    return read_generic(rr_type, words.subspan(1));
  const auto layout = dns::rdata_layout(rr_type);
  if (layout.empty() || layout.find_first_not_of(readable_fields) != std::string_view::npos)
    return std::unexpected("the rdata of " + type_to_text(rr_type) + " can be given only in hexadecimal (RFC 3597)" +
                           example_text(rr_type));
  auto rdata = RdataReader(rr_type, words, origin).read(layout);
  if (rdata && rdata->size() > max_rdata_size)
    return std::unexpected("the rdata has " + std::to_string(rdata->size()) + " bytes; allowed: at most 65535");
  return rdata;
}

}  // namespace pillion::presentation
