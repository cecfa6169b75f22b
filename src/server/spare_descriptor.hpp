#pragma once
// A descriptor that is kept for the moment in which there is no other.

#include <cstddef>

namespace pillion::server {

/// Without a descriptor accept(2) fails, and the client waits for an answer that will not come, in a queue that nobody
/// can see. With this one it is accepted and closed, so that it knows.
class SpareDescriptor {
 public:
  SpareDescriptor() { keep(); }
  ~SpareDescriptor() { give(); }
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;

  [[nodiscard]] bool is_kept() const { return descriptor_ >= 0; }
  /// Accepts and closes what waits at `listener`, at most `limit` connections. Returns how many there were.
  std::size_t turn_away(int listener, std::size_t limit);

 private:
  void keep();
  void give();

  int descriptor_ = -1;  // -1: there was none to keep
};

}  // namespace pillion::server
