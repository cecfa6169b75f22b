#pragma once
// Domain names. A name in wire form is the sequence of its labels up to the root label, uncompressed, as it stands in a
// question (RFC 1035 section 3.1).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>

#include "dns/wire.hpp"

namespace pillion::dns {

/// True if two names in wire form are equal without regard to ASCII case (RFC 4343 section 3). Also compares single
/// labels with their length byte.
[[nodiscard]] bool equal_names(Bytes a, Bytes b);

/// A hash that is equal for names that differ only in ASCII case. `seed` keeps a client from choosing collisions: draw
/// it at random once per process.
[[nodiscard]] std::uint64_t hash_name(Bytes name, std::uint64_t seed);

/// A view of a name in wire form, or of a suffix of one: a contiguous range, and so it converts to Bytes. The parser
/// has checked the name, so that no function here fails. The root label may be missing, as in the part of a name before
/// a search domain (SearchList).
class NameView {
 public:
  /// The labels of a name without the root's, first to last, each without its length byte. Labels that overrun the
  /// bytes end with them.
  class Labels;

  constexpr NameView() = default;
  constexpr NameView(Bytes name) : bytes_(name) {}          // NOLINT(google-explicit-constructor): a view of the same
  constexpr NameView(const Buffer& name) : bytes_(name) {}  // NOLINT(google-explicit-constructor): a view of the same

  /// The uncompressed name that starts at `offset` of `message`, up to its root label, which must be there.
  [[nodiscard]] static constexpr NameView at(Bytes message, std::size_t offset) {
    auto end = offset;
    while (message[end] != 0) end += std::size_t{message[end]} + 1;
    return message.subspan(offset, end + 1 - offset);
  }

  [[nodiscard]] constexpr Bytes bytes() const { return bytes_; }
  /// Bytes in wire form, the root label's included.
  [[nodiscard]] constexpr std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] constexpr auto begin() const { return bytes_.begin(); }
  [[nodiscard]] constexpr auto end() const { return bytes_.end(); }

  /// True if there is no label, or only the root's.
  [[nodiscard]] constexpr bool is_root() const { return bytes_.empty() || bytes_[0] == 0; }
  /// The first label without its length byte. The name is not the root.
  [[nodiscard]] constexpr Bytes first_label() const { return bytes_.subspan(1, bytes_[0]); }
  /// The name without its first label. The name is not the root.
  [[nodiscard]] constexpr NameView parent() const { return bytes_.subspan(std::size_t{1} + bytes_[0]); }
  [[nodiscard]] constexpr Labels labels() const;
  [[nodiscard]] constexpr std::size_t label_count() const;

  /// The number of labels before `ancestor`: 0 if it is the name itself, nullopt if it is neither the name nor one of
  /// its ancestors. Compares label by label, since the bytes of a name may end in the bytes of a name that is not its
  /// ancestor.
  [[nodiscard]] std::optional<std::size_t> labels_before(NameView ancestor) const {
    auto suffix = *this;
    std::size_t count = 0;
    for (; suffix.size() > ancestor.size() && !suffix.is_root(); ++count) suffix = suffix.parent();
    return suffix == ancestor ? std::optional(count) : std::nullopt;
  }
  /// True if the name is `ancestor` or lies beneath it.
  [[nodiscard]] bool is_within(NameView ancestor) const { return labels_before(ancestor).has_value(); }

  [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const { return hash_name(bytes_, seed); }
  /// Without regard to ASCII case (RFC 4343 section 3).
  friend bool operator==(NameView a, NameView b) { return equal_names(a.bytes_, b.bytes_); }

 private:
  Bytes bytes_;
};

class NameView::Labels {
 public:
  class Iterator {
   public:
    using value_type = Bytes;
    using difference_type = std::ptrdiff_t;

    constexpr Iterator() = default;
    constexpr explicit Iterator(Bytes left) : left_(left) {}
    constexpr Bytes operator*() const { return left_.subspan(1, std::min<std::size_t>(left_[0], left_.size() - 1)); }
    constexpr Iterator& operator++() {
      left_ = left_.subspan((**this).size() + 1);
      return *this;
    }
    constexpr Iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    friend constexpr bool operator==(const Iterator& a, const Iterator& b) {
      return a.left_.data() == b.left_.data() && a.left_.size() == b.left_.size();
    }
    friend constexpr bool operator==(const Iterator& iterator, std::default_sentinel_t /*end*/) {
      return NameView(iterator.left_).is_root();
    }

   private:
    Bytes left_;
  };

  constexpr explicit Labels(Bytes name) : name_(name) {}
  [[nodiscard]] constexpr Iterator begin() const { return Iterator(name_); }
  [[nodiscard]] static constexpr std::default_sentinel_t end() { return {}; }

 private:
  Bytes name_;
};

constexpr NameView::Labels NameView::labels() const {
  return Labels(bytes_);
}

constexpr std::size_t NameView::label_count() const {
  return static_cast<std::size_t>(std::ranges::distance(labels()));
}

/// The presentation format of a name (RFC 1035 section 5.1, RFC 4343 section 2.1): `\.` and `\\` for those two inside a
/// label, `\DDD` for each byte that is not printable ASCII, and `"` `(` `)` `;` `@` `$` escaped too. The text always
/// ends in a dot. The root is ".".
[[nodiscard]] std::string to_text(Bytes name);

/// Reads the presentation format, with or without the final dot. The error says what is wrong ("a label longer than 63
/// bytes").
[[nodiscard]] std::expected<Buffer, std::string> parse_name(std::string_view text);

/// Reads the byte that an escape stands for, `\X` or `\DDD` (RFC 1035 section 5.1), and takes the escape from the front
/// of `text`, which starts after the backslash. The error says what is wrong.
[[nodiscard]] std::expected<std::uint8_t, std::string> read_escape(std::string_view& text);

/// Appends `\DDD`, which stands for `byte`.
void append_decimal_escape(std::string& out, std::uint8_t byte);

/// True if each label of `name` by itself is well-formed UTF-8 (RFC 3629).
[[nodiscard]] bool is_utf8(NameView name);

}  // namespace pillion::dns
