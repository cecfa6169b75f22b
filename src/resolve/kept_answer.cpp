#include "resolve/kept_answer.hpp"

#include <new>

namespace pillion::resolve {

KeptAnswer::KeptAnswer(const Answer& answer, runtime::MemoryShare& memory)
    : hold_(memory),
      wire_(answer.message->bytes().begin(), answer.message->bytes().end()),
      extended_errors_(answer.extended_errors.begin(), answer.extended_errors.end()),
      text_(answer.text),
      info_code_(answer.info_code),
      question_end_(answer.message->question_end()),
      source_(answer.source),
      rcode_(answer.rcode) {
  if (answer.server != nullptr) server_ = *answer.server;
  hold_.set_anyway(size_of(answer));
}

Answer KeptAnswer::answer() const {
  return {.source = source_,
          .message = dns::MessageView::of_ours(wire_, question_end_),
          .rcode = rcode_,
          .extended_errors = extended_errors_,
          .info_code = info_code_,
          .text = text_,
          .server = server_ ? &*server_ : nullptr};
}

std::size_t KeptAnswer::size_of(const Answer& answer) {
  return sizeof(KeptAnswer) + answer.message->bytes().size() + answer.extended_errors.size() + answer.text.size();
}

namespace {

/// nullptr if there is no memory. The waiters are then refused.
std::shared_ptr<const KeptAnswer> make_kept(const Answer& answer, runtime::MemoryShare& memory) {
  if (KeptAnswer::size_of(answer) + room_for_answer > memory.room()) return nullptr;
  try {
    return std::make_shared<const KeptAnswer>(answer, memory);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

void hand_over(RequestList& requests, const Answer& answer, runtime::MemoryShare& memory) {
  RequestList slow;
  while (auto* const request = requests.pop_front()) {
    if (request->can_take()) {
      request->answered(answer);
    } else {
      slow.push_back(*request);
    }
  }
  if (slow.empty()) return;
  const auto kept = make_kept(answer, memory);
  while (auto* const request = slow.pop_front()) {
    if (kept) {
      request->keep(kept);
    } else {
      auto refused = refusal(Shortage::memory, "no memory for the answer");
      refused.source = answer.source;
      request->answered(refused);
    }
  }
}

}  // namespace pillion::resolve
