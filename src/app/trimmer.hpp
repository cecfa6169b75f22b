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
  /// The fewest bytes of all shards that are worth freeing, since the next peak must allocate them again.
  static constexpr std::size_t worth_it = std::size_t{1} << 20U;

  /// `trim` frees some of the memory that the shard's services keep for reuse, and returns true if there is more.
  /// `memory` has the shares of one of `shards` shards. Everything must outlive this.
  Trimmer(runtime::Schedule& schedule, runtime::MemoryShares& memory, std::size_t shards, std::function<bool()> trim)
      : schedule_(schedule), memory_(memory), worth_it_(worth_it / shards), trim_(std::move(trim)) {}
  ~Trimmer() override { stop(); }

  void start();
  void stop() { schedule_.clear_deadline(*this); }

 private:
  void expired(runtime::Time now) override;

  runtime::Schedule& schedule_;
  runtime::MemoryShares& memory_;
  std::size_t worth_it_;  // this shard's part, so that many small peaks are freed as one large one is
  std::function<bool()> trim_;
  bool is_trimming_ = false;
  std::size_t highest_ = 0;  // the most bytes held at once since memory was last freed
};

}  // namespace pillion::app
