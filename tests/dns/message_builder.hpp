#pragma once
// Builds DNS messages for tests, well-formed or not, byte by byte.

#include <initializer_list>
#include <string_view>

#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "dns/wire.hpp"

namespace pillion::dns::testing {

/// The rdata of an A record for 192.0.2.1.
inline const Buffer test_address = {192, 0, 2, 1};

/// The bytes of a string, zeros included: bytes_of(std::string_view("\x01\x00", 2)).
inline Buffer bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

/// The wire form of a name. Throws std::bad_expected_access if `text` is no name.
inline Buffer name_of(std::string_view text) {
  return parse_name(text).value();
}

/// A label with its length byte.
inline Buffer label_of(std::string_view text) {
  Buffer label = {static_cast<std::uint8_t>(text.size())};
  append(label, bytes_of(text));
  return label;
}

/// `count` labels of `size` letters each, without the root label.
inline Buffer labels_of(std::size_t count, std::size_t size) {
  Buffer labels;
  for (std::size_t i = 0; i < count; ++i) append(labels, label_of(std::string(size, static_cast<char>('a' + i % 26))));
  return labels;
}

inline Buffer joined(std::initializer_list<Buffer> parts) {
  Buffer all;
  for (const auto& part : parts) append(all, part);
  return all;
}

enum class Section : std::uint8_t {
  answer = 6,
  authority = 8,
  additional = 10
};  // where the header counts its records

/// A message that starts as a header with id 0x1234 and without questions. Each function appends to it and returns the
/// builder.
class MessageBuilder {
 public:
  explicit MessageBuilder(std::uint16_t flags = flag::rd) {
    append_u16(bytes_, 0x1234);
    append_u16(bytes_, flags);
    bytes_.resize(header_size);
  }

  /// Counts and appends a question.
  MessageBuilder& question(std::string_view name, std::uint16_t rr_type = type::a) {
    return question(name_of(name), rr_type);
  }
  MessageBuilder& question(const Buffer& name, std::uint16_t rr_type = type::a) {
    count(4);
    append(bytes_, name);
    append_u16(bytes_, rr_type);
    append_u16(bytes_, klass::in);
    return *this;
  }

  /// Counts and appends a record.
  MessageBuilder& record(Section section, const Buffer& owner, std::uint16_t rr_type, const Buffer& rdata,
                         std::uint32_t ttl = 300, std::uint16_t rr_class = klass::in) {
    count(static_cast<std::size_t>(section));
    append(bytes_, owner);
    append_u16(bytes_, rr_type);
    append_u16(bytes_, rr_class);
    append_u32(bytes_, ttl);
    append_u16(bytes_, static_cast<std::uint16_t>(rdata.size()));
    append(bytes_, rdata);
    return *this;
  }

  /// An OPT record of 1232 bytes in the additional section.
  MessageBuilder& opt(const Buffer& options = {}, std::uint32_t ttl = 0) {
    return record(Section::additional, {0}, type::opt, options, ttl, 1232);
  }

  MessageBuilder& raw(const Buffer& bytes) {
    append(bytes_, bytes);
    return *this;
  }

  /// Overwrites two bytes at any offset.
  MessageBuilder& set_u16(std::size_t offset, std::uint16_t value) {
    write_u16(bytes_, offset, value);
    return *this;
  }

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] const Buffer& bytes() const { return bytes_; }
  [[nodiscard]] Buffer first(std::size_t size) const {
    return {bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size)};
  }

 private:
  void count(std::size_t offset) {
    write_u16(bytes_, offset, static_cast<std::uint16_t>(read_u16(bytes_, offset) + 1));
  }

  Buffer bytes_;
};

/// A compression pointer.
inline Buffer pointer_to(std::size_t offset) {
  Buffer pointer;
  append_u16(pointer, static_cast<std::uint16_t>(0xC000U | offset));
  return pointer;
}

/// An EDNS option.
inline Buffer option_of(std::uint16_t code, const Buffer& value) {
  Buffer bytes;
  append_u16(bytes, code);
  append_u16(bytes, static_cast<std::uint16_t>(value.size()));
  append(bytes, value);
  return bytes;
}

}  // namespace pillion::dns::testing
