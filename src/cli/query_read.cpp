#include "cli/query_read.hpp"

#include "dns/edns.hpp"
#include "dns/message.hpp"
#include "dns/name.hpp"
#include "dns/ttl.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::cli {
namespace {

struct HeaderFlag {
  std::uint16_t bit;
  std::string_view name;
};
constexpr std::array flags{HeaderFlag{dns::flag::qr, "qr"}, HeaderFlag{dns::flag::aa, "aa"},
                           HeaderFlag{dns::flag::tc, "tc"}, HeaderFlag{dns::flag::rd, "rd"},
                           HeaderFlag{dns::flag::ra, "ra"}, HeaderFlag{dns::flag::ad, "ad"},
                           HeaderFlag{dns::flag::cd, "cd"}};

/// Escapes the server's text, which might contain control sequences for the terminal.
std::string printable(dns::Bytes text) {
  std::string out;
  for (const auto byte : text) {
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      out += static_cast<char>(byte);
    } else {
      dns::append_decimal_escape(out, byte);
    }
  }
  return out;
}

std::vector<ExtendedErrorText> read_extended_errors(dns::Bytes options) {
  std::vector<ExtendedErrorText> errors;
  // A message may carry several (RFC 8914 section 2).
  dns::for_each_extended_error(options, [&](std::uint16_t info_code, dns::Bytes text) {
    errors.push_back({.code = info_code,
                      .meaning = std::string(presentation::extended_error_to_text(info_code)),
                      .text = printable(text)});
  });
  return errors;
}

RecordText read_record_text(dns::Bytes message, const dns::Record& record) {
  dns::Buffer owner;
  // The parser has already checked every name.
  static_cast<void>(dns::unpack_name(message, record.owner, owner));
  return {.name = dns::to_text(owner),
          .klass = presentation::class_to_text(record.klass),
          .type = presentation::type_to_text(record.type),
          .ttl = dns::effective_ttl(record.ttl),
          .data = presentation::rdata_to_text(message, record)};
}

}  // namespace

ReplyText read_reply(const ServerReply& reply) {
  const auto header = *dns::Header::of(reply.message);
  ReplyText text{.status = presentation::rcode_to_text(header.rcode()),
                 .id = header.id(),
                 .flags = {},
                 .question = {},
                 .sections = {},
                 .edns = {}};
  for (const auto& flag : flags) {
    if ((header.flags() & flag.bit) != 0) text.flags.push_back(flag.name);
  }
  const auto view = dns::MessageView::parse(reply.message);
  if (!view) return text;

  const auto& question = view->question();
  text.question = RecordText{.name = dns::to_text(question.name),
                             .klass = presentation::class_to_text(question.klass),
                             .type = presentation::type_to_text(question.type),
                             .ttl = 0,
                             .data = {}};
  std::size_t seen = 0;
  const std::size_t answers = header.answers(), authorities = header.authorities();
  dns::for_each_record(*view, [&](const dns::Record& record) {
    auto& section = text.sections.at(seen < answers ? 0 : seen < answers + authorities ? 1 : 2);
    ++seen;
    if (record.type != dns::type::opt) section.push_back(read_record_text(reply.message, record));
  });
  if (const auto edns = dns::read_edns(*view); edns.present) {
    text.status = presentation::rcode_to_text(static_cast<std::uint16_t>(edns.extended_rcode << 4U | header.rcode()));
    text.edns = EdnsText{.version = edns.version,
                         .udp_payload = edns.udp_payload,
                         .dnssec_ok = edns.dnssec_ok,
                         .extended_errors = read_extended_errors(edns.options)};
  }
  return text;
}

}  // namespace pillion::cli
