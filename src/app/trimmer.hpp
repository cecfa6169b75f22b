#pragma once
// Returns memory to the system after a peak, since the allocator keeps what was freed, and slabs keep what was
// released.

#include <cstddef>
#include <functional>
#include <utility>

#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"

namespace pillion::app {

class Trimmer final : runtime::Deadline {
 public:
  /// `trim` frees some of the memory that the shard's services keep for reuse, and returns true if there is more.
  /// Everything must outlive this.
  Trimmer(runtime::Schedule& schedule, runtime::MemoryShares& memory, std::function<bool()> trim)
      : schedule_(schedule), memory_(memory), trim_(std::move(trim)) {}
  ~Trimmer() override { stop(); }

  void start();
  void stop() { schedule_.clear_deadline(*this); }

 private:
  void expired(runtime::Time now) override;

  runtime::Schedule& schedule_;
  runtime::MemoryShares& memory_;
  std::function<bool()> trim_;
  bool is_trimming_ = false;
  std::size_t highest_ = 0;  // the most bytes held at once since memory was last freed
};

}  // namespace pillion::app
