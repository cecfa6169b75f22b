#pragma once
// A file descriptor that closes itself.

#include <unistd.h>

#include <utility>

namespace pillion::runtime {

class UniqueDescriptor {
 public:
  UniqueDescriptor() = default;
  /// Takes ownership of the descriptor; a negative value means none.
  explicit UniqueDescriptor(int value) : value_(value) {}
  UniqueDescriptor(UniqueDescriptor&& other) noexcept : value_(other.release()) {}
  UniqueDescriptor& operator=(UniqueDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      value_ = other.release();
    }
    return *this;
  }
  ~UniqueDescriptor() { close(); }

  [[nodiscard]] bool is_open() const { return value_ >= 0; }
  [[nodiscard]] int get() const { return value_; }
  [[nodiscard]] int release() { return std::exchange(value_, -1); }

 private:
  void close() {
    if (value_ >= 0) ::close(value_);
  }
  int value_ = -1;
};

}  // namespace pillion::runtime
