#pragma once
// How a decision about a question comes to the trace of that question. Pure.
//
// A question that is not traced costs one test of a pointer for each decision, and none if the cache answers it.

#include <exception>
#include <string_view>

#include "upstream/trace.hpp"

namespace pillion::upstream::trace {

/// Receives the events of a question.
class Tracer {
 public:
  /// `step` is as in Event.
  virtual void note(const What& what, std::string_view step) = 0;
  /// There was no memory for an event.
  virtual void lost() noexcept = 0;

 protected:
  ~Tracer() = default;
};

/// The tracer of a question, nullptr for most. It is read anew for each event, since a traced question may join one in
/// flight.
struct Link {
  Tracer* tracer = nullptr;
};
inline constexpr Link untraced;

/// Notes the event that `make` makes, if there is a tracer.
template <typename Make>
void note(const Link& link, Make make) noexcept {
  if (link.tracer == nullptr) [[likely]]
    return;
  try {
    link.tracer->note(What(make()), {});
  } catch (const std::exception&) {
    link.tracer->lost();
  }
}

}  // namespace pillion::upstream::trace
