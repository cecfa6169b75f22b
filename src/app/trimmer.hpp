#pragma once
// Gives memory back to the system once a peak is over: the allocator keeps what was freed, and slabs what was released.

#include <cstddef>
#include <functional>
#include <utility>

#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"

namespace pillion::app {

class Trimmer final : runtime::Deadline {
 public:
  /// `trim` gives back some of what the shard's services keep for another use; true if there is more. All outlive this.
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
  std::size_t highest_ = 0;  // bytes held at once, since memory was last given back
};

}  // namespace pillion::app
