#include "presentation/rdata_text.hpp"

#include <arpa/inet.h>

#include <array>
#include <chrono>
#include <cstdio>

#include "dns/name.hpp"
#include "dns/rdata.hpp"
#include "presentation/mnemonics.hpp"

namespace pillion::presentation {
namespace {

void append_hex(std::string& out, dns::Bytes bytes) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  for (const auto byte : bytes) {
    out += digits[byte >> 4U];
    out += digits[byte & 0xFU];
  }
}

// Appends digits of `bits` bits each, most significant bit first (RFC 4648). The last digit is filled up with zero
// bits.
void append_digits(std::string& out, dns::Bytes bytes, std::size_t bits, std::string_view digits) {
  std::uint32_t pending = 0;
  std::size_t pending_bits = 0;
  for (const auto byte : bytes) {
    pending = pending << 8U | byte;
    pending_bits += 8;
    for (; pending_bits >= bits; pending_bits -= bits)
      out += digits[pending >> (pending_bits - bits) & (digits.size() - 1)];
  }
  if (pending_bits > 0) out += digits[pending << (bits - pending_bits) & (digits.size() - 1)];
}

void append_base64(std::string& out, dns::Bytes bytes) {
  append_digits(out, bytes, 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  out.append((3 - bytes.size() % 3) % 3, '=');
}

// Appends the text in quotation marks (RFC 1035 section 5.1), with `\"`, `\\`, and `\DDD` for bytes that are not
// printable ASCII.
void append_quoted(std::string& out, dns::Bytes text) {
  out += '"';
  for (const auto byte : text) {
    if (byte < ' ' || byte > '~') {
      dns::append_decimal_escape(out, byte);
      continue;
    }
    if (byte == '"' || byte == '\\') out += '\\';
    out += static_cast<char>(byte);
  }
  out += '"';
}

// Compression pointers in names are only valid inside a message.
enum class Names : std::uint8_t { compressed, uncompressed };

// Reads one record's rdata and writes it field by field. Each function returns false if the rdata does not fit the
// layout.
class RdataPrinter {
 public:
  RdataPrinter(dns::Bytes message, std::size_t rdata, std::size_t end, Names names)
      : message_(message), offset_(rdata), end_(end), names_(names) {}

  [[nodiscard]] std::optional<std::string> print(std::string_view layout) {
    for (const auto field : layout) {
      if (!out_.empty()) out_ += ' ';
      if (!print_field(field)) return std::nullopt;
    }
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();  // the last field may be empty
    if (offset_ != end_ || layout.empty()) return std::nullopt;
    return std::move(out_);
  }

 private:
  bool print_field(char field) {
    switch (field) {
      case '1':
        return print_number(1);
      case '2':
        return print_number(2);
      case '4':
        return print_number(4);
      case 'a':
        return print_address(AF_INET, 4);
      case 'A':
        return print_address(AF_INET6, 16);
      case 'n':
        return print_name();
      case 's':
        return print_string();
      case 'S':
        return print_strings();
      case 't':
        return print_type();
      case 'T':
        return print_time();
      case 'h':
        return print_salt();
      case 'H':
        return print_hash();
      case 'c':
        return print_tag();
      case 'q':
        append_quoted(out_, take(left()));
        return true;
      case 'x':
        append_hex(out_, take(left()));
        return true;
      case 'b':
        append_base64(out_, take(left()));
        return true;
      case 'w':
        return print_types();
      case 'p':
        return print_parameters();
      default:
        return false;
    }
  }

  [[nodiscard]] std::size_t left() const { return end_ - offset_; }

  // `size` is at most left().
  dns::Bytes take(std::size_t size) {
    const auto bytes = message_.subspan(offset_, size);
    offset_ += size;
    return bytes;
  }

  std::optional<std::uint32_t> take_number(std::size_t size) {
    if (left() < size) return std::nullopt;
    std::uint32_t value = 0;
    for (const auto byte : take(size)) value = value << 8U | byte;
    return value;
  }

  // Takes a length of one byte and the bytes that follow it.
  std::optional<dns::Bytes> take_counted() {
    const auto size = take_number(1);
    if (!size || *size > left()) return std::nullopt;
    return take(*size);
  }

  bool print_number(std::size_t size) {
    const auto value = take_number(size);
    if (value) out_ += std::to_string(*value);
    return value.has_value();
  }

  bool print_address(int family, std::size_t size) {
    if (left() < size) return false;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(family, take(size).data(), text.data(), text.size()) == nullptr) return false;
    out_ += text.data();
    return true;
  }

  bool print_name() {
    dns::Buffer name;
    const auto size = dns::skip_name(message_, offset_);
    if (!size || *size > left() || !dns::unpack_name(message_, offset_, name)) return false;
    if (names_ == Names::uncompressed && *size != name.size()) return false;
    offset_ += *size;
    out_ += dns::to_text(name);
    return true;
  }

  bool print_string() {
    const auto text = take_counted();
    if (text) append_quoted(out_, *text);
    return text.has_value();
  }

  bool print_strings() {
    if (!print_string()) return false;
    while (left() > 0) {
      out_ += ' ';
      if (!print_string()) return false;
    }
    return true;
  }

  bool print_type() {
    const auto code = take_number(2);
    if (code) out_ += type_to_text(static_cast<std::uint16_t>(*code));
    return code.has_value();
  }

  bool print_time() {
    const auto seconds = take_number(4);
    if (!seconds) return false;
    const std::chrono::sys_seconds time{std::chrono::seconds{*seconds}};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%04d%02u%02u%02d%02d%02d", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    out_ += text.data();
    return true;
  }

  bool print_salt() {
    const auto salt = take_counted();
    if (!salt) return false;
    if (salt->empty()) out_ += '-';
    append_hex(out_, *salt);
    return true;
  }

  bool print_hash() {
    const auto hash = take_counted();
    if (hash) append_digits(out_, *hash, 5, "0123456789ABCDEFGHIJKLMNOPQRSTUV");
    return hash.has_value();
  }

  bool print_tag() {
    const auto tag = take_counted();
    if (!tag || tag->empty()) return false;
    for (const auto byte : *tag) {
      const bool letter_or_digit =
          (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
      if (!letter_or_digit) return false;
      out_ += static_cast<char>(byte);
    }
    return true;
  }

  bool print_types() {
    bool first = true;
    while (left() > 0) {
      const auto window = take_number(1);
      const auto bits = take_counted();
      if (!bits || bits->empty() || bits->size() > 32) return false;
      for (std::size_t bit = 0; bit < bits->size() * 8; ++bit) {
        if (((*bits)[bit / 8] & 0x80U >> bit % 8) == 0) continue;
        if (!first) out_ += ' ';
        first = false;
        out_ += type_to_text(static_cast<std::uint16_t>(*window << 8U | bit));
      }
    }
    return true;
  }

  // Prints SvcParams (RFC 9460 sections 2.1 and 14.3.2). Values of keys that are not in the table are written as text.
  bool print_parameters() {
    bool first = true;
    while (left() > 0) {
      const auto key = take_number(2);
      const auto size = take_number(2);
      if (!size || *size > left()) return false;
      if (!first) out_ += ' ';
      first = false;
      if (!print_parameter(*key, take(*size))) return false;
    }
    return true;
  }

  bool print_parameter(std::uint32_t key, dns::Bytes value) {
    static constexpr auto keys = std::to_array<std::string_view>(
        {"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"});
    out_ += key < keys.size() ? std::string(keys[key]) : "key" + std::to_string(key);
    if (value.empty()) return true;
    out_ += '=';
    switch (key) {
      case 0:
        return print_list(value, 2, [&](dns::Bytes item) {
          const auto listed = dns::read_u16(item, 0);
          out_ += listed < keys.size() ? std::string(keys[listed]) : "key" + std::to_string(listed);
        });
      case 1:
        return print_alpn(value);
      case 3:
        if (value.size() != 2) return false;
        out_ += std::to_string(dns::read_u16(value, 0));
        return true;
      case 4:
        return print_addresses(value, AF_INET, 4);
      case 5:
        append_base64(out_, value);
        return true;
      case 6:
        return print_addresses(value, AF_INET6, 16);
      default:
        append_quoted(out_, value);
        return true;
    }
  }

  template <typename Print>
  bool print_list(dns::Bytes value, std::size_t item_size, Print print) {
    if (value.size() % item_size != 0) return false;
    for (std::size_t i = 0; i < value.size(); i += item_size) {
      if (i != 0) out_ += ',';
      print(value.subspan(i, item_size));
    }
    return true;
  }

  bool print_addresses(dns::Bytes value, int family, std::size_t size) {
    return print_list(value, size, [&](dns::Bytes item) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (inet_ntop(family, item.data(), text.data(), text.size()) != nullptr) out_ += text.data();
    });
  }

  bool print_alpn(dns::Bytes value) {
    dns::Buffer list;
    while (!value.empty()) {
      const auto size = std::size_t{value[0]};
      if (size == 0 || size >= value.size()) return false;
      if (!list.empty()) list.push_back(',');
      for (const auto byte : value.subspan(1, size)) {
        if (byte == ',' || byte == '\\') list.push_back('\\');  // RFC 9460 appendix A.1
        list.push_back(byte);
      }
      value = value.subspan(1 + size);
    }
    append_quoted(out_, list);
    return true;
  }

  dns::Bytes message_;
  std::size_t offset_;
  std::size_t end_;
  Names names_;
  std::string out_;
};

}  // namespace

std::string rdata_to_text(dns::Bytes message, const dns::Record& record) {
  RdataPrinter printer(message, record.rdata, record.end, Names::compressed);
  if (auto text = printer.print(dns::rdata_layout(record.type))) return std::move(*text);
  auto out = "\\# " + std::to_string(record.rdata_size);
  if (record.rdata_size > 0) out += ' ';
  append_hex(out, message.subspan(record.rdata, record.rdata_size));
  return out;
}

std::optional<std::string> uncompressed_rdata_to_text(std::uint16_t rr_type, dns::Bytes rdata) {
  return RdataPrinter(rdata, 0, rdata.size(), Names::uncompressed).print(dns::rdata_layout(rr_type));
}

}  // namespace pillion::presentation
