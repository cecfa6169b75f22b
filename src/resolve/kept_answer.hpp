#pragma once
// An answer for those who cannot take it yet, since they have not taken what they were given before.

#include <memory>
#include <optional>
#include <string>

#include "resolve/request.hpp"
#include "runtime/memory.hpp"

namespace pillion::resolve {

/// Memory that is left where answers are kept, and has to be there before a message is handled: for an answer of any
/// size, with its frame and what we add to it. In bytes.
inline constexpr std::size_t room_for_answer = std::size_t{66} << 10U;

/// Held by those who will take it, and gone with the last of them.
class KeptAnswer {
 public:
  /// A copy of `answer`, which has a message. It takes of `memory`, which outlives it, whether there is room or not.
  KeptAnswer(const Answer& answer, runtime::MemoryShare& memory);

  /// As it was; views this.
  [[nodiscard]] Answer answer() const;
  /// Bytes that it takes.
  [[nodiscard]] std::size_t size() const { return hold_.bytes(); }

  /// Bytes that the copy of `answer` takes.
  [[nodiscard]] static std::size_t size_of(const Answer& answer);

 private:
  runtime::MemoryHold hold_;
  dns::Buffer wire_;
  dns::Buffer extended_errors_;
  std::string text_;
  std::optional<std::uint16_t> info_code_;
  std::size_t question_end_;
  Source source_;
  std::uint16_t rcode_;
  std::optional<AnsweringServer> server_;
};

/// Gives all of them the answer, which has a message of ours: now, or as soon as they can take it. Where `memory` has
/// not the bytes to keep it, those who cannot take it now are refused.
void hand_over(RequestList& requests, const Answer& answer, runtime::MemoryShare& memory);

}  // namespace pillion::resolve
