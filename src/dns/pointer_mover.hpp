#pragma once
// Moves records to another place of a message, and mends the compression pointers of their names. Used inside this room
// only.

#include <functional>
#include <optional>

#include "dns/message.hpp"

namespace pillion::dns {

class PointerMover {
 public:
  /// Where an offset of the original lies in the rewritten message; nullopt for bytes that are not there any more.
  using Map = std::function<std::optional<std::size_t>(std::size_t)>;

  /// `rewritten` holds the records already, each as a whole where `map` says.
  PointerMover(Bytes original, MutableBytes rewritten, Map map)
      : original_(original), rewritten_(rewritten), map_(std::move(map)) {}

  /// Mends the owner and the names in the rdata of a record of the original, in owner names and in the rdata of all
  /// types known to hold names; false where that cannot be done.
  [[nodiscard]] bool move_record(const Record& record) {
    return move_name(record.owner).has_value() && move_rdata(record);
  }

 private:
  [[nodiscard]] bool move_rdata(const Record& record);
  [[nodiscard]] std::optional<std::size_t> size_of_field(char field, std::size_t offset, std::size_t end) const;
  [[nodiscard]] std::optional<std::size_t> move_name(std::size_t offset);
  [[nodiscard]] bool ends_in_pointer(std::size_t name) const;

  Bytes original_;
  MutableBytes rewritten_;
  Map map_;
  Buffer before_;
  Buffer after_;
};

}  // namespace pillion::dns
