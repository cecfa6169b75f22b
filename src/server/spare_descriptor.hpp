#pragma once
// Keeps a descriptor for the moment when there are no others.

#include <cstddef>

namespace pillion::server {

/// Without a descriptor accept(2) fails, and the client waits for an answer in a queue that no process sees. With the
/// spare one, its connection is accepted and closed, so that the client knows.
class SpareDescriptor {
 public:
  SpareDescriptor() { keep(); }
  ~SpareDescriptor() { give(); }
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;

  [[nodiscard]] bool is_kept() const { return descriptor_ >= 0; }
  /// Accepts and closes up to `limit` connections that wait at `listener`. Returns their number.
  std::size_t turn_away(int listener, std::size_t limit);

 private:
  void keep();
  void give();

  int descriptor_ = -1;  // -1 if there was none to keep
};

}  // namespace pillion::server
