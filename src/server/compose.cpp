#include "server/compose.hpp"

#include <algorithm>

namespace pillion::server {
namespace {

Composed compose_error(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                       dns::Buffer& out) {
  std::optional<dns::ExtendedError> error;
  if (answer.info_code) error = dns::ExtendedError{.info_code = *answer.info_code, .text = answer.text};
  dns::append_error(out, query, answer.rcode, ours, error);
  return {.rcode = answer.rcode};
}

/// The upstream's Extended DNS Errors are for the client (RFC 8914 section 3); its other options were between the two
/// of us.
void pass_extended_errors(dns::Bytes options, dns::OptWriter& opt) {
  while (options.size() >= 4) {
    const auto code = dns::read_u16(options, 0);
    const auto size = std::size_t{dns::read_u16(options, 2)};
    if (code == dns::option::extended_error) opt.add_option(code, options.subspan(4, size));
    options = options.subspan(4 + size);
  }
}

/// Our OPT for a client that sent one. `theirs` are options of the upstream's.
void append_opt(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                std::uint8_t extended_rcode, dns::Bytes theirs, std::size_t start, dns::Buffer& out) {
  if (!query.edns.present) return;
  dns::OptWriter opt(out, start,
                     {.present = true,
                      .udp_payload = ours.udp_payload,
                      .extended_rcode = extended_rcode,
                      .version = 0,
                      .dnssec_ok = query.edns.dnssec_ok,
                      .options = {}});
  pass_extended_errors(theirs, opt);
  if (answer.info_code) opt.add_extended_error(*answer.info_code, answer.text);
  if (ours.keepalive) opt.add_keepalive(ours.keepalive);
}

/// As append_opt(), and the message that it ends fits into `limit` then: what goes for it are the upstream's words on
/// errors, then records. True where answers were lost.
bool append_opt_within(std::size_t limit, const resolve::Answer& answer, const dns::QueryView& query,
                       const dns::OurEdns& ours, std::uint8_t extended_rcode, dns::Bytes theirs, std::size_t start,
                       dns::Buffer& out) {
  const auto body = out.size();
  append_opt(answer, query, ours, extended_rcode, theirs, start, out);
  if (out.size() - start <= limit) return false;
  const auto take_back = [&] {
    if (out.size() != body)
      dns::write_u16(out, start + 10, static_cast<std::uint16_t>(dns::read_u16(out, start + 10) - 1));
    out.resize(body);
  };
  take_back();
  append_opt(answer, query, ours, extended_rcode, {}, start, out);
  if (out.size() - start <= limit) return false;
  const auto opt_size = out.size() - body;
  take_back();
  const auto is_loss = dns::shorten(out, start, limit - opt_size);
  append_opt(answer, query, ours, extended_rcode, {}, start, out);
  return is_loss;
}

/// From the cache. Its answers have the id, the question and the flags of this client's already.
Composed compose_entry(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                       std::size_t limit, dns::Buffer& out) {
  const auto& entry = *answer.entry;
  const auto start = out.size();
  cache::append_answer(entry, query, answer.now, out);
  const auto truncated = append_opt_within(limit, answer, query, ours, 0, entry.extended_errors(), start, out);
  return {.rcode = entry.rcode(), .truncated = truncated};
}

/// Whether the data was validated is told to those who asked (RFC 6840 5.7, 5.8); we always ask.
void hide_authenticity(const dns::QueryView& query, std::size_t start, dns::Buffer& out) {
  if (query.edns.dnssec_ok || (query.message.header().flags() & dns::flag::ad) != 0) return;
  const auto flags = dns::read_u16(out, start + 2);
  dns::write_u16(out, start + 2, flags & static_cast<std::uint16_t>(~dns::flag::ad));
}

}  // namespace

Composed compose_answer(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                        std::size_t limit, dns::Buffer& out) {
  if (answer.entry != nullptr) return compose_entry(answer, query, ours, limit, out);
  if (!answer.message) return compose_error(answer, query, ours, out);
  const auto& message = *answer.message;
  const auto id = dns::read_u16(query.message.bytes(), 0);
  const auto start = out.size();
  if (query.message.is_signed()) {
    // A signed exchange is between the client and the server that holds the key: only the id is ours to give back. What
    // does not fit has to be asked for again over TCP; its signature would not hold for a part of it.
    const bool fits = message.bytes().size() <= limit;
    if (fits) {
      dns::append(out, message.bytes());
    } else {
      dns::append_truncated(out, message, ours, query.edns);
    }
    dns::write_u16(out, start, id);
    return {.rcode = message.header().rcode(), .truncated = !fits};
  }
  const auto theirs = dns::read_edns(message);
  const auto rcode = static_cast<std::uint16_t>(theirs.extended_rcode << 4U | message.header().rcode());
  if ((rcode > 15 && !query.edns.present) || !dns::append_without_opt(message, out)) {
    return compose_error({}, query, ours, out);
  }
  dns::write_u16(out, start, id);
  hide_authenticity(query, start, out);
  // The client compares the question with its own, letter by letter (draft-vixie-dnsext-dns0x20).
  const auto name = query.question().name;
  std::ranges::copy(name, out.begin() + static_cast<std::ptrdiff_t>(start + dns::header_size));
  const auto truncated =
      append_opt_within(limit, answer, query, ours, theirs.extended_rcode, theirs.options, start, out);
  return {.rcode = rcode, .truncated = truncated};
}

}  // namespace pillion::server
