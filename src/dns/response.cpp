#include "dns/response.hpp"

#include <algorithm>

namespace pillion::dns {
namespace {

constexpr std::uint16_t opcode_mask = 0x7800;

void append_header(Buffer& out, std::uint16_t id, std::uint16_t flags, std::uint16_t questions) {
  append_u16(out, id);
  append_u16(out, flags);
  append_u16(out, questions);
  append_u16(out, 0);
  append_u32(out, 0);
}

void append_question(Buffer& out, const MessageView& message) {
  append(out, message.bytes().subspan(header_size, message.question_end() - header_size));
}

// The flags of a response: RA is set, and RD and CD are copied (RFC 1035 section 4.1.1, RFC 4035 section 3.2.2).
std::uint16_t answer_flags(const Header& query, std::uint16_t rcode) {
  return static_cast<std::uint16_t>(flag::qr | flag::ra | (query.flags() & (opcode_mask | flag::rd | flag::cd)) |
                                    (rcode & 0xFU));
}

// DO is copied from the query (RFC 6891 section 6.1.4, RFC 3225 section 3). The only EDNS version is 0.
Edns answer_edns(const OurEdns& ours, const Edns& client, std::uint8_t extended_rcode) {
  return {.present = true,
          .udp_payload = ours.udp_payload,
          .extended_rcode = extended_rcode,
          .version = 0,
          .dnssec_ok = client.dnssec_ok,
          .options = {}};
}

}  // namespace

void append_error(Buffer& out, const QueryView& query, std::uint16_t rcode, const OurEdns& ours,
                  std::optional<ExtendedError> error) {
  const auto start = out.size();
  const auto header = query.message.header();
  append_header(out, header.id(), answer_flags(header, rcode), 1);
  append_question(out, query.message);
  if (!query.edns.present) return;
  OptWriter opt(out, start, answer_edns(ours, query.edns, static_cast<std::uint8_t>(rcode >> 4U)));
  if (ours.keepalive) opt.add_keepalive(ours.keepalive);
  if (error) opt.add_extended_error(error->info_code, error->text);
  opt.add_padding(ours.padding);
}

void append_header_error(Buffer& out, Bytes query, std::uint16_t rcode, const OurEdns& ours) {
  const auto start = out.size();
  const auto header = *Header::of(query);
  append_header(out, header.id(), answer_flags(header, rcode), 0);
  const auto opt = find_opt(query);
  if (!opt) return;
  OptWriter(out, start, answer_edns(ours, edns_of(query, *opt), static_cast<std::uint8_t>(rcode >> 4U)));
}

void address_to(const QueryView& query, MutableBytes answer) {
  const auto asked = query.message.header().flags();
  constexpr std::uint16_t copied = flag::rd | flag::cd;
  auto flags = static_cast<std::uint16_t>((read_u16(answer, 2) & ~copied) | (asked & copied));
  const bool wants_ad = query.edns.dnssec_ok || (asked & flag::ad) != 0;
  if (!wants_ad) flags = static_cast<std::uint16_t>(flags & ~flag::ad);
  write_u16(answer, 0, query.message.header().id());
  write_u16(answer, 2, flags);
  std::ranges::copy(query.question().name, answer.begin() + header_size);
}

bool shorten(Buffer& out, std::size_t start, std::size_t limit, bool dnssec_ok) {
  const auto message = Bytes(out).subspan(start);
  if (message.size() <= limit) return false;
  const auto header = *Header::of(message);
  constexpr std::size_t type_and_class = 4;
  auto end = header_size + NameView::at(message, header_size).size() + type_and_class;
  const auto needed = std::size_t{header.answers()} + header.authorities();
  std::size_t kept = 0;
  bool loses_soa = false;
  for_each_record(message, end, [&, seen = std::size_t{0}](const Record& record) mutable {
    if (++seen > needed) return;
    if (record.end > limit) {
      loses_soa = loses_soa || (seen > header.answers() && record.type == type::soa);
    } else {
      kept = seen;
      end = record.end;
    }
  });
  const auto answers = std::min<std::size_t>(kept, header.answers());
  const bool is_loss = loses_soa || kept < (dnssec_ok ? needed : header.answers());
  if (is_loss) write_u16(out, start + 2, header.flags() | flag::tc);
  write_u16(out, start + 6, static_cast<std::uint16_t>(answers));
  write_u16(out, start + 8, static_cast<std::uint16_t>(kept - answers));
  write_u16(out, start + 10, 0);
  out.resize(start + end);
  return is_loss;
}

void append_truncated(Buffer& out, const MessageView& answer, const OurEdns& ours, const Edns& client) {
  const auto start = out.size();
  const auto header = answer.header();
  append_header(out, header.id(), header.flags() | flag::tc, 1);
  append_question(out, answer);
  if (!client.present) return;
  OptWriter opt(out, start, answer_edns(ours, client, read_edns(answer).extended_rcode));
  if (ours.keepalive) opt.add_keepalive(ours.keepalive);
}

void append_query(Buffer& out, std::uint16_t id, std::uint16_t flags, Bytes name, std::uint16_t type,
                  std::uint16_t klass) {
  append_header(out, id, flags, 1);
  append(out, name);
  append_u16(out, type);
  append_u16(out, klass);
}

}  // namespace pillion::dns
