#include "server/compose.hpp"

namespace pillion::server {
namespace {

Composed compose_error(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                       dns::Buffer& out) {
  std::optional<dns::ExtendedError> error;
  if (answer.info_code) error = dns::ExtendedError{.info_code = *answer.info_code, .text = answer.text};
  dns::append_error(out, query, answer.rcode, ours, error);
  return {.rcode = answer.rcode};
}

/// Appends our OPT if the client sent one.
void append_opt(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                dns::Bytes extended_errors, std::uint16_t rcode, std::size_t start, dns::Buffer& out) {
  if (!query.edns.present) return;
  dns::OptWriter opt(out, start,
                     {.present = true,
                      .udp_payload = ours.udp_payload,
                      .extended_rcode = static_cast<std::uint8_t>(rcode >> 4U),
                      .version = 0,
                      .dnssec_ok = query.edns.dnssec_ok,
                      .options = {}});
  dns::for_each_option(extended_errors, [&](std::uint16_t code, dns::Bytes value) { opt.add_option(code, value); });
  if (answer.info_code) opt.add_extended_error(*answer.info_code, answer.text);
  if (ours.keepalive) opt.add_keepalive(ours.keepalive);
  opt.add_padding(ours.padding);
}

/// Appends our OPT, keeping the message within `limit`. To make room it drops the upstream's Extended DNS Errors
/// first, then records. True if answer records were lost.
bool append_opt_within(std::size_t limit, const resolve::Answer& answer, const dns::QueryView& query,
                       const dns::OurEdns& ours, dns::Bytes extended_errors, std::uint16_t rcode, std::size_t start,
                       dns::Buffer& out) {
  const auto body = out.size();
  append_opt(answer, query, ours, extended_errors, rcode, start, out);
  if (out.size() - start <= limit) return false;
  const auto take_back = [&] {
    if (out.size() != body)
      dns::write_u16(out, start + 10, static_cast<std::uint16_t>(dns::read_u16(out, start + 10) - 1));
    out.resize(body);
  };
  take_back();
  append_opt(answer, query, ours, {}, rcode, start, out);
  if (out.size() - start <= limit) return false;
  const auto opt_size = out.size() - body;
  take_back();
  const auto is_loss = dns::shorten(out, start, limit - opt_size, query.edns.dnssec_ok);
  append_opt(answer, query, ours, {}, rcode, start, out);
  return is_loss;
}

/// A signed exchange is between the client and the server that has the key, so that only the id is replaced. If the
/// reply does not fit, the client must ask again over TCP, since the signature would not cover a part of it.
Composed pass_on(const dns::MessageView& message, const dns::QueryView& query, const dns::OurEdns& ours,
                 std::size_t limit, dns::Buffer& out) {
  const auto start = out.size();
  const bool fits = message.bytes().size() <= limit;
  if (fits) {
    dns::append(out, message.bytes());
  } else {
    dns::append_truncated(out, message, ours, query.edns);
  }
  dns::write_u16(out, start, query.message.header().id());
  return {.rcode = message.header().rcode(), .truncated = !fits};
}

}  // namespace

Composed compose_answer(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                        std::size_t limit, dns::Buffer& out) {
  const auto start = out.size();
  if (answer.entry != nullptr) {
    const auto& entry = *answer.entry;
    cache::append_answer(entry, query, answer.now, answer.rotation, out);
    const auto truncated = append_opt_within(limit, answer, query, ours, entry.extended_errors(), 0, start, out);
    return {.rcode = entry.rcode(), .truncated = truncated};
  }
  if (!answer.message) return compose_error(answer, query, ours, out);
  if (query.message.is_signed()) return pass_on(*answer.message, query, ours, limit, out);
  // Without EDNS a code of more than four bits cannot be expressed (RFC 6891 section 6.1.3).
  if (answer.rcode > 0xF && !query.edns.present) return compose_error({}, query, ours, out);
  dns::append(out, answer.message->bytes());
  dns::address_to(query, dns::MutableBytes(out).subspan(start));
  const auto truncated =
      append_opt_within(limit, answer, query, ours, answer.extended_errors, answer.rcode, start, out);
  return {.rcode = answer.rcode, .truncated = truncated};
}

}  // namespace pillion::server
