#pragma once
// An answer that is kept for clients that cannot take it yet, because they have not read their earlier answers.

#include <memory>
#include <optional>
#include <string>

#include "resolve/request.hpp"
#include "runtime/memory.hpp"

namespace pillion::resolve {

/// Bytes that must be free before a message is handled, and are left free where answers are kept: enough for an answer
/// of any size with its frame and what we add to it.
inline constexpr std::size_t room_for_answer = std::size_t{66} << 10U;

/// Shared by the queries that will take it, and destroyed with the last of them.
class KeptAnswer {
 public:
  /// Copies `answer`, which must have a message. Takes its bytes from `memory` even if there are too few. `memory`
  /// must outlive this.
  KeptAnswer(const Answer& answer, runtime::MemoryShare& memory);

  /// The answer, which views this object.
  [[nodiscard]] Answer answer() const;
  /// The bytes that this object takes.
  [[nodiscard]] std::size_t size() const { return hold_.bytes(); }

  /// The bytes that a copy of `answer` would take.
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

/// Gives `answer`, which must have a message of ours, to all requests: now, or as soon as they can take it. Requests
/// that cannot take it now are refused if `memory` has too few bytes to keep it.
void hand_over(RequestList& requests, const Answer& answer, runtime::MemoryShare& memory);

}  // namespace pillion::resolve
