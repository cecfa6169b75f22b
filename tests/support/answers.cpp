#include "support/answers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace pillion::test {
namespace {

namespace rcode = dns::rcode;
namespace type = dns::type;
using dns::append_u16;
using dns::append_u32;
using dns::Buffer;
using dns::Bytes;

constexpr std::uint32_t default_ttl = 300;

/// True if the first label begins with `prefix` (lower case).
bool label_begins(Bytes name, std::string_view prefix) {
  if (name[0] < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    if (lower(name[i + 1]) != static_cast<std::uint8_t>(prefix[i])) return false;
  }
  return true;
}

/// The decimal number after `prefix` in the first label; nullopt if prefix or number is missing.
std::optional<std::uint32_t> label_number(Bytes name, std::string_view prefix) {
  if (!label_begins(name, prefix)) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(name.data()) + 1;
  std::uint32_t number = 0;
  const auto result = std::from_chars(text + prefix.size(), text + name[0], number);
  if (result.ec != std::errc{}) return std::nullopt;
  return number;
}

constexpr std::uint64_t hash_basis = 0xcbf29ce484222325U;

/// FNV-1a that ignores case: equal names have equal addresses.
std::uint64_t hash_of(Bytes name, std::uint64_t hash = hash_basis) {
  for (const auto byte : name) hash = (hash ^ lower(byte)) * 0x100000001b3U;
  return hash;
}

/// Writes one answer: header and question are copied from the query, records appended, counts filled in by `finish`.
class Writer {
 public:
  Writer(const ParsedQuery& query, Buffer& out)
      : query_(query), out_(out), start_(out.size()), owner_hash_(hash_of(query.name)) {
    dns::append(out_, query.message.first(query.question_end));
    std::fill_n(out_.begin() + static_cast<std::ptrdiff_t>(start_) + 6, 6, std::uint8_t{0});
  }

  void records(std::uint32_t ttl);
  void negative();
  void finish(const AnswerOptions& options, std::uint16_t code);

 private:
  /// Starts a record; `end_record` fills in the length of the rdata.
  std::size_t begin_record(std::size_t owner, std::uint16_t record_type, std::uint32_t ttl) {
    append_name_at(owner);
    append_u16(out_, record_type);
    append_u16(out_, dns::klass::in);
    append_u32(out_, ttl);
    append_u16(out_, 0);
    return out_.size();
  }
  void end_record(std::size_t rdata) {
    dns::write_u16(out_, rdata - 2, static_cast<std::uint16_t>(out_.size() - rdata));
  }
  void append_label(std::string_view label) {
    out_.push_back(static_cast<std::uint8_t>(label.size()));
    out_.insert(out_.end(), label.begin(), label.end());
  }
  /// The offset in the message of the question's name without its first label.
  [[nodiscard]] std::size_t parent() const {
    return dns::header_size + (query_.name[0] == 0 ? 0 : query_.name[0] + std::size_t{1});
  }
  /// A pointer to the name at this offset of the message (RFC 1035 4.1.4); the root is shorter than a pointer to it.
  void append_name_at(std::size_t offset) {
    if (out_[start_ + offset] == 0) {
      out_.push_back(0);
    } else {
      append_u16(out_, static_cast<std::uint16_t>(0xc000U | offset));
    }
  }
  void append_text(std::uint32_t ttl);
  void append_alias(std::uint32_t ttl);
  void append_opt(const AnswerOptions& options, std::uint16_t code);

  const ParsedQuery& query_;
  Buffer& out_;
  std::size_t start_;
  std::size_t owner_ = dns::header_size;  ///< offset of the name that has the records; moves along a CNAME chain
  std::uint64_t owner_hash_;
  std::uint16_t answers_ = 0;
  std::uint16_t authorities_ = 0;
};

void Writer::append_text(std::uint32_t ttl) {
  const auto rdata = begin_record(owner_, type::txt, ttl);
  constexpr std::uint32_t most_text = 60000;
  if (const auto size = label_number(query_.name, "txt")) {
    auto left = std::min(*size, most_text);
    do {
      const auto part = std::min<std::uint32_t>(left, 255);
      out_.push_back(static_cast<std::uint8_t>(part));
      for (std::uint32_t i = 0; i < part; ++i) out_.push_back(static_cast<std::uint8_t>('a' + i % 26));
      left -= part;
    } while (left > 0);
  } else {
    append_label(name_text(query_.name));
  }
  end_record(rdata);
}

/// cname3.zone → cname2.zone → cname1.zone → target.zone
void Writer::append_alias(std::uint32_t ttl) {
  auto left = label_number(query_.name, "cname");
  if (!left) return;
  for (auto count = std::min<std::uint32_t>(*left, 9); count > 0; --count) {
    const auto rdata = begin_record(owner_, type::cname, ttl);
    const auto target = out_.size() - start_;
    if (count == 1) {
      append_label("target");
      const auto label = Bytes(out_).subspan(start_ + target);
      owner_hash_ = hash_of(query_.name.subspan(parent() - dns::header_size), hash_of(label));
    } else {
      const std::array<char, 6> label{'c', 'n', 'a', 'm', 'e', static_cast<char>('0' + count - 1)};
      append_label({label.data(), label.size()});
    }
    append_name_at(parent());
    end_record(rdata);
    ++answers_;
    owner_ = target;
    if (query_.type == type::cname) return;  // RFC 1034 3.6.2: a query for the alias itself gets only the alias
  }
}

void Writer::records(std::uint32_t ttl) {
  append_alias(ttl);
  if (query_.type == type::cname) return answers_ == 0 ? negative() : void();
  const auto asked = query_.type == type::any ? type::a : query_.type;
  if (asked == type::txt) {
    append_text(ttl);
    ++answers_;
    return;
  }
  const bool is_private = asked >= 0xff00U;
  constexpr std::array known{type::a, type::aaaa, type::mx, type::ns, type::ptr, type::srv};
  if (!is_private && std::ranges::find(known, asked) == known.end()) return negative();
  const auto hash = owner_hash_;
  const auto rdata = begin_record(owner_, asked, ttl);
  if (is_private) {
    append_u32(out_, static_cast<std::uint32_t>(hash >> 32U));
    append_u32(out_, static_cast<std::uint32_t>(hash));
  } else if (asked == type::a) {
    append_u32(out_, 0xc6120000U | static_cast<std::uint32_t>(hash & 0x1ffffU));
  } else if (asked == type::aaaa) {
    append_u32(out_, 0x20010db8U);
    append_u32(out_, 0);
    append_u32(out_, static_cast<std::uint32_t>(hash >> 32U));
    append_u32(out_, static_cast<std::uint32_t>(hash));
  } else {
    if (asked == type::mx) append_u16(out_, 10);
    if (asked == type::srv) {
      append_u16(out_, 0);
      append_u16(out_, 5);
      append_u16(out_, 5060);
    }
    append_label("host");
    // RFC 2782: the target of SRV is not compressed.
    if (asked == type::srv) {
      dns::append(out_, query_.name.last(1));
    } else {
      append_name_at(parent());
    }
  }
  end_record(rdata);
  ++answers_;
}

void Writer::negative() {
  const auto rdata = begin_record(parent(), type::soa, default_ttl);
  append_label("ns");
  append_name_at(parent());
  append_label("admin");
  append_name_at(parent());
  for (const std::uint32_t field : {1U, 3600U, 600U, 86400U, 60U}) append_u32(out_, field);
  end_record(rdata);
  ++authorities_;
}

void Writer::append_opt(const AnswerOptions& options, std::uint16_t code) {
  out_.push_back(0);
  append_u16(out_, type::opt);
  append_u16(out_, 1232);
  append_u16(out_, static_cast<std::uint16_t>((code >> 4U) << 8U));
  append_u16(out_, query_.dnssec_ok ? 0x8000U : 0U);
  append_u16(out_, 0);
  const auto rdata = out_.size();
  if (options.keepalive && query_.keepalive) {
    append_u16(out_, 11);
    append_u16(out_, 2);
    append_u16(out_, *options.keepalive);
  }
  if (options.padding_block != 0 && query_.padded) {
    const auto size = out_.size() - start_ + 4;
    const auto padding = (options.padding_block - size % options.padding_block) % options.padding_block;
    append_u16(out_, 12);
    append_u16(out_, static_cast<std::uint16_t>(padding));
    out_.insert(out_.end(), padding, 0);
  }
  end_record(rdata);
  dns::write_u16(out_, start_ + 10, 1);
}

void Writer::finish(const AnswerOptions& options, std::uint16_t code) {
  const auto reserve = query_.edns ? std::size_t{11} : 0;
  std::uint16_t flags = static_cast<std::uint16_t>(
      dns::flag::qr | dns::flag::ra | (query_.flags & (0x7800U | dns::flag::rd | dns::flag::cd)) | (code & 0xfU));
  if (out_.size() - start_ + reserve > options.size_limit) {
    out_.resize(start_ + query_.question_end);
    answers_ = authorities_ = 0;
    flags |= dns::flag::tc;
  }
  dns::write_u16(out_, start_ + 2, flags);
  dns::write_u16(out_, start_ + 4, 1);
  dns::write_u16(out_, start_ + 6, answers_);
  dns::write_u16(out_, start_ + 8, authorities_);
  if (query_.edns) append_opt(options, code);
}

struct Verdict {
  std::string_view prefix;
  std::uint16_t rcode;
};
constexpr std::array<Verdict, 4> verdicts = {{{"servfail", rcode::servfail},
                                              {"refused", rcode::refused},
                                              {"formerr", rcode::formerr},
                                              {"notimp", rcode::notimp}}};

}  // namespace

void append_answer(const ParsedQuery& query, const AnswerOptions& options, Buffer& out) {
  Writer writer(query, out);
  if (options.rcode) return writer.finish(options, *options.rcode);
  if (query.klass != dns::klass::in) return writer.finish(options, rcode::refused);
  if ((query.flags & 0x7800U) != 0) return writer.finish(options, rcode::notimp);
  for (const auto& verdict : verdicts) {
    if (label_begins(query.name, verdict.prefix)) return writer.finish(options, verdict.rcode);
  }
  if (label_begins(query.name, "nx")) {
    writer.negative();
    return writer.finish(options, rcode::nxdomain);
  }
  if (label_begins(query.name, "nodata")) {
    writer.negative();
  } else {
    writer.records(label_number(query.name, "ttl").value_or(default_ttl));
  }
  writer.finish(options, rcode::noerror);
}

}  // namespace pillion::test
