#pragma once
// Groups that no generation uses any more. Each stays until its last query has ended and its connections are closed.

#include <chrono>
#include <memory>
#include <vector>

#include "resolve/generation.hpp"
#include "runtime/metrics.hpp"
#include "runtime/schedule.hpp"

namespace pillion::resolve {

class RetiredGroups final : runtime::Deadline {
 public:
  /// The interval between two checks while there are such groups.
  static constexpr std::chrono::milliseconds look_every{20};

  /// `generations` shows the number of generations that still exist, including the current one. Both references must
  /// outlive this.
  RetiredGroups(runtime::Schedule& schedule, runtime::Gauge& generations)
      : schedule_(schedule), shown_generations_(generations) {
    publish();
  }

  /// Takes the groups of one generation. If it throws, it has taken none.
  void add(std::vector<std::shared_ptr<UpstreamGroup>> groups);
  /// Closes all connections now, as Group::stop() does.
  void stop();
  [[nodiscard]] bool are_stopped() const;
  /// Frees some memory that a peak has left. True if there is more. A group that waits for one slow query may still
  /// have the memory of thousands.
  [[nodiscard]] bool trim();

 private:
  void expired(runtime::Time now) override;
  void publish() { shown_generations_.set(static_cast<double>(1 + generations_.size())); }

  runtime::Schedule& schedule_;
  runtime::Gauge& shown_generations_;
  std::vector<std::vector<std::shared_ptr<UpstreamGroup>>> generations_;
};

}  // namespace pillion::resolve
