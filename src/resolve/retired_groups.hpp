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
  /// How often they are looked at, while there are any.
  static constexpr std::chrono::milliseconds look_every{20};

  /// `generations` shows those of which something is left, with the one in use. Both outlive this.
  RetiredGroups(runtime::Schedule& schedule, runtime::Gauge& generations)
      : schedule_(schedule), shown_generations_(generations) {
    publish();
  }

  /// Those of one generation. Where it throws, none of them is taken.
  void add(std::vector<std::shared_ptr<UpstreamGroup>> groups);
  /// Closes the connections now: nothing is under way.
  void stop();
  [[nodiscard]] bool are_stopped() const;
  /// Gives back some of what a peak has left; true if there is more. One that waits for a slow query keeps what
  /// thousands had.
  [[nodiscard]] bool trim();

 private:
  void expired(runtime::Time now) override;
  void publish() { shown_generations_.set(static_cast<double>(1 + generations_.size())); }

  runtime::Schedule& schedule_;
  runtime::Gauge& shown_generations_;
  std::vector<std::vector<std::shared_ptr<UpstreamGroup>>> generations_;
};

}  // namespace pillion::resolve
