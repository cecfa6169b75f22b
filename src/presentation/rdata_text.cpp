#include "presentation/rdata_text.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "dns/name.hpp"
#include "dns/rdata.hpp"
#include "presentation/bytes_text.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/svc_params_text.hpp"

namespace pillion::presentation {
namespace {

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
      case 'o':
        return print_octal();
      case 'a':
        return print_address(4);
      case 'A':
        return print_address(16);
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
        return print_svc_params();
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

  /// An address of Chaosnet, as BIND prints and reads it.
  bool print_octal() {
    const auto value = take_number(2);
    if (!value) return false;
    std::array<char, 6> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *value, 8).ptr;
    out_.append(digits.data(), end);
    return true;
  }

  bool print_address(std::size_t size) {
    if (left() < size) return false;
    append_address(out_, take(size));
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
    if (hash) append_base32hex(out_, *hash);
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

  bool print_svc_params() {
    const auto text = svc_params_to_text(take(left()));
    if (text) out_ += *text;
    return text.has_value();
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
  if (auto text = printer.print(dns::rdata_layout(record.type, record.klass))) return std::move(*text);
  auto out = "\\# " + std::to_string(record.rdata_size);
  if (record.rdata_size > 0) out += ' ';
  append_hex(out, message.subspan(record.rdata, record.rdata_size));
  return out;
}

std::optional<std::string> uncompressed_rdata_to_text(std::uint16_t rr_type, dns::Bytes rdata) {
  return RdataPrinter(rdata, 0, rdata.size(), Names::uncompressed).print(dns::rdata_layout(rr_type));
}

}  // namespace pillion::presentation
