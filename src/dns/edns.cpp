#include "dns/edns.hpp"

#include <algorithm>
#include <array>

#include "dns/utf8.hpp"

namespace pillion::dns {
namespace {

constexpr std::size_t max_extra_text = 200;  // bytes; must fit into 512 bytes together with a question
constexpr std::uint32_t dnssec_ok_bit = 0x8000;

}  // namespace

Edns edns_of(Bytes message, const Record& opt) {
  return {.present = true,
          .udp_payload = std::max(opt.klass, static_cast<std::uint16_t>(min_udp_payload)),
          .extended_rcode = static_cast<std::uint8_t>(opt.ttl >> 24U),
          .version = static_cast<std::uint8_t>(opt.ttl >> 16U),
          .dnssec_ok = (opt.ttl & dnssec_ok_bit) != 0,
          .options = message.subspan(opt.rdata, opt.rdata_size)};
}

Edns read_edns(const MessageView& message) {
  return message.opt() ? edns_of(message.bytes(), *message.opt()) : Edns{};
}

std::optional<Bytes> find_option(Bytes options, std::uint16_t code) {
  std::optional<Bytes> found;
  for_each_option(options, [&](std::uint16_t each, Bytes value) {
    if (each == code && !found) found = value;
  });
  return found;
}

std::optional<std::uint16_t> keepalive_timeout(Bytes options) {
  const auto value = find_option(options, option::tcp_keepalive);
  if (!value || value->size() != 2) return std::nullopt;
  return read_u16(*value, 0);
}

OptWriter::OptWriter(Buffer& out, std::size_t message_start, const Edns& fixed)
    : out_(out), message_start_(message_start) {
  const auto additionals = message_start + 10;
  write_u16(out, additionals, static_cast<std::uint16_t>(read_u16(out, additionals) + 1));
  std::array<std::uint8_t, 11> record{};  // the root, type, payload size, extended RCODE and flags, RDLENGTH
  write_u16(record, 1, type::opt);
  write_u16(record, 3, fixed.udp_payload);
  write_u32(record, 5,
            std::uint32_t{fixed.extended_rcode} << 24U | std::uint32_t{fixed.version} << 16U |
                (fixed.dnssec_ok ? dnssec_ok_bit : 0));
  append(out, record);
  length_offset_ = out.size() - 2;
}

bool OptWriter::begin_option(std::uint16_t code, std::size_t value_size) {
  const auto size = option_header_size + value_size;
  if (message_size() + size > max_message_size) return false;
  const auto rdata_size = read_u16(out_, length_offset_) + size;
  write_u16(out_, length_offset_, static_cast<std::uint16_t>(rdata_size));
  std::array<std::uint8_t, option_header_size> header{};
  write_u16(header, 0, code);
  write_u16(header, 2, static_cast<std::uint16_t>(value_size));
  append(out_, header);
  return true;
}

void OptWriter::add_option(std::uint16_t code, Bytes value) {
  if (begin_option(code, value.size())) append(out_, value);
}

void OptWriter::add_extended_error(std::uint16_t info_code, std::string_view text) {
  const auto extra_text = cut_at_character(text, max_extra_text);
  if (!begin_option(option::extended_error, 2 + extra_text.size())) return;
  append_u16(out_, info_code);
  out_.insert(out_.end(), extra_text.begin(), extra_text.end());
}

void OptWriter::add_keepalive(std::optional<std::uint16_t> timeout) {
  if (begin_option(option::tcp_keepalive, timeout ? 2 : 0) && timeout) append_u16(out_, *timeout);
}

void OptWriter::add_padding(std::size_t block) {
  const auto unpadded = message_size() + option_header_size;
  if (block == 0 || unpadded > max_message_size) return;
  const auto padded = std::min((unpadded + block - 1) / block * block, max_message_size);
  if (begin_option(option::padding, padded - unpadded)) out_.resize(message_start_ + padded, 0);
}

}  // namespace pillion::dns
