#include "app/listen_addresses.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "app/reload_outcome.hpp"
#include "config/scalar.hpp"

namespace pillion::app {
namespace {

// Bytes, far more than 16 addresses for DNS and 4 for HTTP need.
constexpr std::size_t max_text = std::size_t{4} << 10U;
constexpr std::string_view dns_word = "dns", http_word = "http", admin_word = "admin";

/// The last digit is the version of the layout.
constexpr std::uint64_t address_format = 0x4c697374656e7301;  // "Listens", 1

/// The header in the file, in this machine's byte order.
struct AddressHeader {
  std::uint64_t format = address_format;
  std::uint32_t count = 0;   ///< how often it was written; 0: never
  std::uint32_t length = 0;  ///< bytes of the text
  friend bool operator==(const AddressHeader&, const AddressHeader&) = default;
};
static_assert(sizeof(AddressHeader) == 16 && std::has_unique_object_representations_v<AddressHeader>);

constexpr auto header_offset = static_cast<off_t>(ReloadOutcome::size);

off_t text_offset(std::uint32_t count) {
  return header_offset + static_cast<off_t>(sizeof(AddressHeader) + (count % 2) * max_text);
}

std::optional<AddressHeader> read_addresses(int descriptor) {
  AddressHeader header;
  if (::pread(descriptor, &header, sizeof header, header_offset) != static_cast<ssize_t>(sizeof header))
    return std::nullopt;
  const bool valid = header.format == address_format && header.count > 0 && header.length <= max_text;
  return valid ? std::optional(header) : std::nullopt;
}

void append_lines(std::string& text, std::string_view word, const std::vector<config::Endpoint>& addresses) {
  for (const auto& address : addresses) text.append(word).append(" ").append(to_string(address)).append("\n");
}

ListenAddresses parse(std::string_view text) {
  ListenAddresses addresses;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto word = line.substr(0, line.find(' '));
    auto* const listed = word == dns_word     ? &addresses.dns
                         : word == http_word  ? &addresses.http
                         : word == admin_word ? &addresses.admin
                                              : nullptr;
    if (listed == nullptr) continue;
    const auto address = config::parse_endpoint(line.substr(std::min(word.size() + 1, line.size())));
    if (address) listed->push_back(*address);
  }
  return addresses;
}

}  // namespace

bool write_listen_addresses(int descriptor, const ListenAddresses& addresses) {
  std::string text;
  append_lines(text, dns_word, addresses.dns);
  append_lines(text, http_word, addresses.http);
  append_lines(text, admin_word, addresses.admin);
  AddressHeader header = read_addresses(descriptor).value_or(AddressHeader{});
  ++header.count;
  header.length = static_cast<std::uint32_t>(text.size());
  return text.size() <= max_text &&
         ::pwrite(descriptor, text.data(), text.size(), text_offset(header.count)) ==
             static_cast<ssize_t>(text.size()) &&
         ::pwrite(descriptor, &header, sizeof header, header_offset) == static_cast<ssize_t>(sizeof header);
}

std::optional<ListenAddresses> read_listen_addresses(int descriptor) {
  constexpr int looks = 100;
  for (int look = 0; look < looks; ++look) {
    const auto header = read_addresses(descriptor);
    if (!header) return std::nullopt;
    std::string text(header->length, '\0');
    const bool has_text =
        ::pread(descriptor, text.data(), text.size(), text_offset(header->count)) == static_cast<ssize_t>(text.size());
    if (has_text && read_addresses(descriptor) == header) return parse(text);
  }
  return std::nullopt;
}

}  // namespace pillion::app
