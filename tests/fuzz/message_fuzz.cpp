// The message view against ldns: if both accept a message, they read the same; if only ldns accepts it, the message has
// a known reason for our refusal.

#include <algorithm>
#include <span>

#include "dns/edns.hpp"
#include "dns/message.hpp"
#include "dns/name.hpp"
#include "dns/response.hpp"
#include "dns/ttl.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/oracle.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::fuzz {
namespace {

using dns::Buffer;
using dns::Bytes;
using dns::MessageView;
using dns::ParseError;

void compare_records(const MessageView& view, const std::vector<OracleRecord>& records) {
  const auto message = view.bytes();
  const auto& question = records.front();
  require(owner_of(question.record.get()) == Buffer(view.question().name.begin(), view.question().name.end()),
          "question name");
  require(ldns_rr_get_type(question.record.get()) == view.question().type, "question type");
  require(ldns_rr_get_class(question.record.get()) == view.question().klass, "question class");
  require(question.end == view.question_end(), "question end");

  std::size_t i = 1;
  for_each_record(view, [&](const dns::Record& record) {
    require(i < records.size(), "as many records");
    const auto& other = records[i++];
    require(other.start == record.owner && other.end == record.end, "record frame");
    require(ldns_rr_get_type(other.record.get()) == record.type, "record type");
    require(ldns_rr_get_class(other.record.get()) == record.klass, "record class");
    require(ldns_rr_ttl(other.record.get()) == record.ttl, "record TTL");
    Buffer owner;
    require(dns::unpack_name(message, record.owner, owner), "an owner that was walked");
    require(owner == owner_of(other.record.get()), "record owner");
  });
  require(i == records.size(), "no more records");
  const auto count = [&](unsigned rr_type, const auto& some) {
    return std::ranges::count_if(some, [&](const OracleRecord& other) {
      return static_cast<unsigned>(ldns_rr_get_type(other.record.get())) == rr_type;
    });
  };
  require(count(dns::type::opt, std::span(records).subspan(1)) <= 1, "at most one OPT");
  require(count(dns::type::tsig, std::span(records).subspan(1, std::max<std::size_t>(records.size(), 2) - 2)) == 0,
          "TSIG comes last");
}

void compare_packet(const MessageView& view, const ldns_pkt* packet) {
  const auto header = view.header();
  require(ldns_pkt_id(packet) == header.id(), "id");
  require(ldns_pkt_qr(packet) == header.is_response(), "QR");
  require(ldns_pkt_tc(packet) == header.is_truncated(), "TC");
  require(ldns_pkt_get_opcode(packet) == header.opcode(), "opcode");
  require(ldns_pkt_get_rcode(packet) == header.rcode(), "RCODE");
  require(ldns_pkt_qdcount(packet) == 1, "QDCOUNT");
  require(ldns_pkt_ancount(packet) == header.answers(), "ANCOUNT");
  require(ldns_pkt_nscount(packet) == header.authorities(), "NSCOUNT");

  const auto edns = read_edns(view);
  require(ldns_pkt_edns(packet) == edns.present, "OPT");
  if (!edns.present) return;
  require(std::max<std::uint16_t>(ldns_pkt_edns_udp_size(packet), 512) == edns.udp_payload, "UDP size");
  require(ldns_pkt_edns_do(packet) == edns.dnssec_ok, "DO");
  require(ldns_pkt_edns_version(packet) == edns.version, "EDNS version");
  require(ldns_pkt_edns_extended_rcode(packet) == edns.extended_rcode, "extended RCODE");
}

// True if this name, which ldns accepts, has a pointer that we refuse, since it does not lead to a name that ends
// before it.
bool is_wild(Bytes message, std::size_t offset) {
  auto run_start = offset;
  auto limit = message.size();
  for (int pointers = 0; pointers <= 127; ++pointers) {
    while (message[offset] != 0 && message[offset] < 0xC0) {
      offset += std::size_t{message[offset]} + 1;
      if (offset >= limit) return true;
    }
    if (message[offset] == 0) return false;
    if (offset + 2 > limit) return true;
    const std::size_t target = dns::read_u16(message, offset) & 0x3FFFU;
    if (target < dns::header_size || target >= run_start) return true;
    limit = run_start;
    offset = run_start = target;
  }
  return true;
}

bool has_wild_owner(Bytes message, const std::vector<OracleRecord>& records) {
  return std::ranges::any_of(records, [&](const OracleRecord& record) { return is_wild(message, record.start); });
}

bool has_type(const std::vector<OracleRecord>& records, unsigned type) {
  return std::ranges::any_of(records, [&](const OracleRecord& other) {
    return static_cast<unsigned>(ldns_rr_get_type(other.record.get())) == type;
  });
}

// ldns is more lenient in a few known ways. We must accept everything else that it accepts.
void explain_refusal(Bytes message, ParseError error, const std::vector<OracleRecord>& records) {
  switch (error) {
    case ParseError::question_count:
      return require(dns::Header::of(message)->questions() != 1, "QDCOUNT is not 1");
    case ParseError::compressed_name: {
      Buffer name;  // the unpacked content differs from the bytes
      const auto owner = owner_of(records.front().record.get());
      return require(records.front().end != dns::header_size + owner.size() + 4, "the question's name is compressed");
    }
    case ParseError::malformed_record:
      return require(has_wild_owner(message, records), "an owner with a wild pointer");
    case ParseError::malformed_edns:
      return require(has_type(records, dns::type::opt), "there is an OPT");
    case ParseError::misplaced_tsig:
      return require(has_type(records, dns::type::tsig), "there is a TSIG");
    case ParseError::trailing_bytes:
      return require(records.back().end < message.size(), "bytes are left");
    case ParseError::short_header:
    case ParseError::truncated_name:
    case ParseError::truncated_question:
    case ParseError::long_name:
      return require(false, to_string(error));
  }
}

// The other functions of the program for an accepted message.
void use(const MessageView& view) {
  const auto bytes = view.bytes();
  const auto& name = view.question().name;
  require(dns::equal_names(name, name), "a name equals itself");
  require(dns::parse_name(dns::to_text(name)) == Buffer(name.begin(), name.end()), "names survive as text");

  std::uint32_t smallest = 0xFFFFFFFF;
  for_each_record(view, [&](const dns::Record& record) {
    require(dns::read_record(bytes, record.owner).value().end == record.end, "records are read alike");
    (void)presentation::rdata_to_text(bytes, record);
    if (record.type != dns::type::opt) smallest = std::min(smallest, dns::effective_ttl(record.ttl));
  });
  require(dns::smallest_ttl(view).value_or(0xFFFFFFFF) == smallest, "the smallest TTL");

  // Only the TTLs change. (A hostile name may lead into one: it then changes too, but no record moves.)
  Buffer aged(bytes.begin(), bytes.end());
  Buffer expected = aged;
  age_ttls(view, aged, 60);
  for_each_record(view, [&](const dns::Record& record) {
    if (record.type == dns::type::opt) return;
    const auto ttl = dns::effective_ttl(record.ttl);
    dns::write_u32(expected, record.ttl_offset, ttl < 60 ? 0 : ttl - 60);
  });
  require(aged == expected, "aging lowers TTLs and nothing else");
}

void answer(Bytes message) {
  const auto query = dns::parse_query(message, {});
  if (!query) return;
  Buffer out;
  append_error(out, *query, dns::rcode::servfail, {.keepalive = 300}, dns::ExtendedError{23, "network"});
  const auto view = MessageView::parse(out);
  require(view.has_value() && read_packet(out) != nullptr, "our errors are messages");
  require(view->header().id() == query->message.header().id(), "to the query's id");
  require(view->opt().has_value() == query->edns.present, "with EDNS where it had it");
  require(std::ranges::equal(view->question().name, query->question().name), "to its question");

  Buffer truncated;
  append_truncated(truncated, query->message, {}, query->edns);
  require(MessageView::parse(truncated).has_value() && read_packet(truncated) != nullptr,
          "truncated answers are messages");
}

std::size_t soas_of_authority(const MessageView& view) {
  const auto first = std::size_t{view.header().answers()};
  const auto last = first + view.header().authorities();
  std::size_t index = 0;
  std::size_t soas = 0;
  dns::for_each_record(view, [&](const dns::Record& record) {
    if (index >= first && index < last && record.type == dns::type::soa) ++soas;
    ++index;
  });
  return soas;
}

void cut(Bytes message, const MessageView& view) {
  if (view.opt() || view.is_signed()) return;
  // The first byte chooses the limit, from header and question up to the whole message.
  const auto least = view.question_end();
  const auto limit = least + (message.size() - least) * message[0] / 255;
  Buffer out;
  out.reserve(message.size() + 1);
  out.push_back(7);
  dns::append(out, message);
  const bool dnssec_ok = (message[1] & 1U) != 0;
  const bool is_loss = dns::shorten(out, 1, limit, dnssec_ok);
  const auto rest = MessageView::parse(Bytes(out).subspan(1));
  require(rest.has_value() && out.size() <= limit + 1, "what is left is a message of the length that was asked for");
  require(std::ranges::equal(rest->bytes().subspan(dns::header_size),
                             message.subspan(dns::header_size, out.size() - 1 - dns::header_size)),
          "its beginning");
  require(!is_loss || rest->header().is_truncated(), "that says so");
  require(is_loss || (rest->header().answers() == view.header().answers() &&
                      (!dnssec_ok || rest->header().authorities() == view.header().authorities())),
          "where answers are missing");
  require(is_loss || soas_of_authority(*rest) == soas_of_authority(view), "or the SOA of a denial is");
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pillion;
  if (size > dns::max_message_size) return 0;
  const dns::Bytes message(data, size);
  const auto view = dns::MessageView::parse(message);
  if (view) {
    fuzz::use(*view);
    fuzz::answer(message);
    fuzz::cut(message, *view);
  }
  const auto packet = fuzz::read_packet(message);
  const auto records = fuzz::read_records(message);
  if (view && records) fuzz::compare_records(*view, *records);
  if (view && packet && records) fuzz::compare_packet(*view, packet.get());
  if (!view && packet && records) fuzz::explain_refusal(message, view.error(), *records);
  return 0;
}
