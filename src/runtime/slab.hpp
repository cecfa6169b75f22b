#pragma once
// Objects of one type at fixed addresses, reused rather than freed: a warm data path acquires and releases without
// allocating.

#include <cstddef>
#include <deque>
#include <vector>

namespace pillion::runtime {

/// T is default-constructible; a released object keeps its state (and the capacity of its buffers) for the next user,
/// who resets what it needs.
template <typename T>
class Slab {
 public:
  explicit Slab(std::size_t limit) : limit_(limit) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  /// nullptr when `limit` objects are in use.
  [[nodiscard]] T* acquire() {
    if (free_.empty()) {
      if (objects_.size() == limit_) return nullptr;
      // Room for the object's return is made now, so that release() cannot fail.
      free_.reserve(objects_.size() + 1 > free_.capacity() ? 2 * (objects_.size() + 1) : free_.capacity());
      return &objects_.emplace_back();
    }
    T* const object = free_.back();
    free_.pop_back();
    return object;
  }
  void release(T& object) { free_.push_back(&object); }
  [[nodiscard]] std::size_t in_use() const { return objects_.size() - free_.size(); }

 private:
  std::size_t limit_;
  std::deque<T> objects_;
  std::vector<T*> free_;
};

}  // namespace pillion::runtime
