// A reply that is written again without its OPT has the same records, and an OPT that is written has the intended
// content; ldns checks both. The input's first six bytes choose what is written; the rest is the message.

#include <algorithm>
#include <set>

#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "dns/rdata.hpp"
#include "dns/reply.hpp"
#include "dns/response_writer.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/oracle.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::fuzz {
namespace {

using dns::Buffer;
using dns::Bytes;
using dns::MessageView;
using dns::Record;

std::vector<Record> records_but_opt(const MessageView& view) {
  std::vector<Record> records;
  for_each_record(view, [&](const Record& record) {
    if (record.type != dns::type::opt) records.push_back(record);
  });
  return records;
}

Buffer owner_of(Bytes message, const Record& record) {
  Buffer owner;
  require(dns::unpack_name(message, record.owner, owner), "owners are names");
  return owner;
}

void compare_record(Bytes before, const Record& old_record, Bytes after, const Record& new_record) {
  require(
      old_record.type == new_record.type && old_record.klass == new_record.klass && old_record.ttl == new_record.ttl,
      "the same type, class and TTL");
  require(dns::equal_names(owner_of(before, old_record), owner_of(after, new_record)), "the same owner");
  if (dns::rdata_layout(old_record.type, old_record.klass).empty()) {
    require(std::ranges::equal(before.subspan(old_record.rdata, old_record.rdata_size),
                               after.subspan(new_record.rdata, new_record.rdata_size)),
            "unknown types byte for byte");
    return;
  }
  // ldns prints rdata that does not fit its type byte by byte, and a name in it that is written in full has other
  // bytes.
  const auto text = presentation::rdata_to_text(before, old_record);
  if (text.starts_with("\\# ")) return;
  require(text == presentation::rdata_to_text(after, new_record), "the same rdata, letter by letter");
  // ldns knows no addresses of Chaosnet.
  if (old_record.type == dns::type::a && old_record.klass == dns::klass::chaos) return;
  const auto old_oracle = read_record(before, old_record.owner, LDNS_SECTION_ANSWER);
  if (!old_oracle.record) return;
  const auto new_oracle = read_record(after, new_record.owner, LDNS_SECTION_ANSWER);
  require(new_oracle.record != nullptr, "ldns reads it still");
  require(ldns_rr_compare(old_oracle.record.get(), new_oracle.record.get()) == 0, "ldns sees the same record");
}

// No name in rdata may use the letters of the question, whose case is the client's.
void change_letters_of_question(const MessageView& view, Bytes after, const std::vector<Record>& records) {
  Buffer changed(after.begin(), after.end());
  for (auto at = dns::header_size; changed[at] != 0; at += std::size_t{changed[at]} + 1) {
    for (std::size_t i = at + 1; i <= at + changed[at]; ++i) {
      const auto lower = changed[i] | 0x20U;
      if (lower >= 'a' && lower <= 'z') changed[i] ^= 0x20U;
    }
  }
  for (const auto& record : records) {
    if (dns::rdata_layout(record.type, record.klass).empty()) continue;
    require(presentation::rdata_to_text(after, record) == presentation::rdata_to_text(changed, record),
            "rdata has letters of its own");
  }
  require(view.question().name.size() == MessageView::parse(changed)->question().name.size(), "the same question");
}

// The message that is written again, or the message itself if that is not possible.
Buffer write_anew(const MessageView& view) {
  dns::ResponseWriter writer(0);
  Buffer out = {1};
  writer.start(out, view.header().flags(), view.question().name, view.question().type, view.question().klass);
  if (!writer.add_records(view, [](const dns::Record& record) { return record.ttl; })) {
    require(view.bytes().size() > 512, "a short message has room");
    return {view.bytes().begin(), view.bytes().end()};
  }
  require(out[0] == 1, "what stands before is untouched");
  out.erase(out.begin());
  const auto after = MessageView::parse(out);
  require(after.has_value(), "what is written is a message");
  require(dns::is_sound_reply(*after, true), "and sound, as it was");
  require(!after->opt(), "without OPT");
  require(std::ranges::equal(after->question().name, view.question().name), "with the same question");

  const auto old_records = records_but_opt(view);
  const auto new_records = records_but_opt(*after);
  require(old_records.size() == new_records.size(), "as many records");
  require(after->header().answers() == view.header().answers() &&
              after->header().authorities() == view.header().authorities(),
          "in the same sections");
  for (std::size_t i = 0; i < old_records.size(); ++i)
    compare_record(view.bytes(), old_records[i], out, new_records[i]);
  change_letters_of_question(*after, out, new_records);
  return out;
}

void write_opt(Buffer message, Bytes control) {
  const auto before = MessageView::parse(message);
  if (before->opt() || before->is_signed() || message.size() > 4096) return;
  const dns::Edns fixed{.present = true,
                        .udp_payload = static_cast<std::uint16_t>(512 + control[0]),
                        .extended_rcode = control[1],
                        .version = 0,
                        .dnssec_ok = (control[2] & 1U) != 0,
                        .options = {}};
  const auto text = std::string(control[3], 'e') + "\xC3\xA9";
  const std::size_t block = std::size_t{control[4]} * 4;
  {
    dns::OptWriter opt(message, 0, fixed);
    if ((control[2] & 2U) != 0) opt.add_keepalive(control[5]);
    if ((control[2] & 4U) != 0) opt.add_extended_error(control[5], text);
    if ((control[2] & 8U) != 0) opt.add_option(dns::option::cookie, control);
    const auto least = message.size() + 4;
    if ((control[2] & 16U) != 0) opt.add_padding(block);
    require(block == 0 || message.size() < least + block, "padded by the least possible");
  }
  const auto view = MessageView::parse(message);
  require(view.has_value(), "with OPT it is a message still");
  const auto edns = read_edns(*view);
  require(edns.present && edns.udp_payload == fixed.udp_payload && edns.extended_rcode == fixed.extended_rcode &&
              edns.dnssec_ok == fixed.dnssec_ok,
          "the fixed part comes back");
  require(dns::keepalive_timeout(edns.options).has_value() == ((control[2] & 2U) != 0), "keepalive");
  require(dns::find_option(edns.options, dns::option::extended_error).has_value() == ((control[2] & 4U) != 0),
          "extended error");
  require(dns::find_option(edns.options, dns::option::cookie).has_value() == ((control[2] & 8U) != 0), "cookie");
  if ((control[2] & 16U) != 0 && block != 0) require(message.size() % block == 0, "padded to a multiple");

  if (const auto packet = read_packet(message); packet && read_records(message)) {
    require(ldns_pkt_edns(packet.get()), "ldns sees EDNS");
    require(ldns_pkt_edns_udp_size(packet.get()) == fixed.udp_payload, "and its size");
    require(ldns_pkt_edns_do(packet.get()) == fixed.dnssec_ok, "and DO");
  }
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pillion;
  constexpr std::size_t control_size = 6;
  if (size < control_size || size - control_size > dns::max_message_size) return 0;
  const dns::Bytes input(data, size);
  const auto view = dns::MessageView::parse(input.subspan(control_size));
  if (!view || !dns::is_sound_reply(*view, true)) return 0;
  fuzz::write_opt(fuzz::write_anew(*view), input.first(control_size));
  return 0;
}
