// EDNS hop by hop: an OPT taken out leaves the same records, and one written is read back as it was meant; ldns looks
// at both. The input's first six bytes say what is written; the rest is the message.

#include <algorithm>
#include <set>

#include "dns/edns.hpp"
#include "dns/rdata.hpp"
#include "dns/text.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/oracle.hpp"

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

bool is_generic(const std::string& text) {
  return text.starts_with("\\# ");
}

void compare_record(Bytes before, const Record& old_record, Bytes after, const Record& new_record) {
  require(
      old_record.type == new_record.type && old_record.klass == new_record.klass && old_record.ttl == new_record.ttl,
      "the same type, class and TTL");
  require(owner_of(before, old_record) == owner_of(after, new_record), "the same owner");
  require(old_record.rdata_size == new_record.rdata_size, "rdata as long");

  if (dns::rdata_layout(old_record.type).empty()) {
    require(std::ranges::equal(before.subspan(old_record.rdata, old_record.rdata_size),
                               after.subspan(new_record.rdata, new_record.rdata_size)),
            "unknown types byte for byte");
    return;
  }
  // Rdata that does not read as its type says may hold wild pointers, of which nothing can be promised.
  const auto text = rdata_to_text(before, old_record);
  if (is_generic(text)) return;
  require(text == rdata_to_text(after, new_record), "the same rdata");
  const auto old_oracle = read_record(before, old_record.owner, LDNS_SECTION_ANSWER);
  if (!old_oracle.record) return;
  const auto new_oracle = read_record(after, new_record.owner, LDNS_SECTION_ANSWER);
  require(new_oracle.record != nullptr, "ldns reads it still");
  require(ldns_rr_compare(old_oracle.record.get(), new_oracle.record.get()) == 0, "ldns sees the same record");
  require(text_of(old_oracle.record.get()) == text_of(new_oracle.record.get()), "ldns prints the same record");
}

std::size_t size_of_field(char field, std::uint8_t first_byte) {
  switch (field) {
    case '1':
      return 1;
    case '2':
    case 't':
      return 2;
    case '4':
    case 'T':
      return 4;
    case 's':
      return std::size_t{1} + first_byte;
    default:
      require(false, "no other field stands before a name");
      return 0;
  }
}

// The names of a message by where they start: the question's, the owners', and those in rdata that reads well. False
// where rdata behind the OPT does not read well.
bool find_names(const MessageView& view, std::vector<std::size_t>& names) {
  const auto message = view.bytes();
  names.push_back(dns::header_size);
  bool all_read_well = true;
  for (const auto& record : records_but_opt(view)) {
    names.push_back(record.owner);
    const auto layout = dns::rdata_layout(record.type);
    if (layout.find('n') == std::string_view::npos || record.rdata_size == 0) continue;
    if (is_generic(rdata_to_text(message, record))) {
      if (record.owner > view.opt()->owner) all_read_well = false;
      continue;
    }
    auto offset = record.rdata;
    for (const auto field : layout.substr(0, layout.rfind('n') + 1)) {
      if (field == 'n') names.push_back(offset);
      offset += field == 'n' ? dns::skip_name(message, offset).value() : size_of_field(field, message[offset]);
    }
  }
  return all_read_well;
}

// Must the OPT of this message be removable? Surely where each pointer behind it leads to a label of another name.
bool is_easy(const MessageView& view) {
  const auto message = view.bytes();
  std::vector<std::size_t> names;
  if (!find_names(view, names)) return false;
  std::set<std::size_t> labels;
  std::vector<std::size_t> pointers;
  for (const auto name : names) {
    auto offset = name;
    for (labels.insert(offset); message[offset] != 0 && message[offset] < 0xC0; labels.insert(offset)) {
      offset += std::size_t{message[offset]} + 1;
    }
    if (message[offset] != 0 && name > view.opt()->owner) pointers.push_back(offset);
  }
  return std::ranges::all_of(
      pointers, [&](std::size_t pointer) { return labels.contains(dns::read_u16(message, pointer) & 0x3FFFU); });
}

// The message without its OPT, or the message itself where that cannot be had.
Buffer take_out(const MessageView& view) {
  Buffer out = {1};
  if (!append_without_opt(view, out)) {
    require(view.opt().has_value() && !is_easy(view), "nothing hinders the removal");
    require(out == Buffer{1}, "the buffer is as it was");
    return {view.bytes().begin(), view.bytes().end()};
  }
  require(out[0] == 1, "what stands before is untouched");
  out.erase(out.begin());
  const auto after = MessageView::parse(out);
  require(after.has_value(), "what is left is a message");
  require(!after->opt(), "without OPT");
  require(std::ranges::equal(Bytes(out).first(10), view.bytes().first(10)), "with the same header but ARCOUNT");
  require(std::ranges::equal(after->question().name, view.question().name), "and the same question");

  const auto old_records = records_but_opt(view);
  const auto new_records = records_but_opt(*after);
  require(old_records.size() == new_records.size(), "as many records");
  for (std::size_t i = 0; i < old_records.size(); ++i)
    compare_record(view.bytes(), old_records[i], out, new_records[i]);
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
  const auto bare_size = message.size();
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
  // Taking it out again gives what there was.
  Buffer back;
  require(append_without_opt(*view, back), "our own OPT comes off");
  require(back.size() == bare_size, "to what there was");
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pillion;
  constexpr std::size_t control_size = 6;
  if (size < control_size || size - control_size > dns::max_message_size) return 0;
  const dns::Bytes input(data, size);
  const auto view = dns::MessageView::parse(input.subspan(control_size));
  if (!view) return 0;
  fuzz::write_opt(fuzz::take_out(*view), input.first(control_size));
  return 0;
}
