#pragma once
// Detects an unencrypted upstream that forwards our queries back to us: asks once for a name that nobody else can
// know. If a client sends this name, there is a loop.

#include <cstdint>
#include <string>

#include "resolve/group.hpp"
#include "resolve/metrics.hpp"
#include "runtime/log.hpp"
#include "runtime/schedule.hpp"

namespace pillion::resolve {

class LoopProbe final : public Request, public runtime::Deadline {
 public:
  /// The time between two attempts while the upstream does not answer.
  static constexpr std::chrono::seconds retry_after{10};

  /// The probe asks for a name in `zone`, which the group answers. The name follows from `label`, a random number that
  /// all shards share, since one shard's query may come back to another. `upstream` is the name for the log.
  LoopProbe(runtime::Schedule& schedule, std::uint64_t label, Group& group, std::string upstream, dns::Bytes zone);

  void start();
  void stop();
  /// True if `query` is the question of this probe, or of the same probe in another shard.
  [[nodiscard]] bool is_asked_by(const dns::QueryView& query) const;
  /// True if the upstream has sent a question of ours back to us, at any time.
  [[nodiscard]] bool has_found() const { return reported_; }
  /// Counts the loop, and logs it the first time.
  void found(ResolverMetrics& metrics, runtime::Log& log);

 private:
  void answered(const Answer& answer) override;
  void expired(runtime::Time now) override;

  runtime::Schedule& schedule_;
  Group& group_;
  std::string upstream_;
  dns::Buffer name_;
  bool reported_ = false;
  bool stopped_ = false;
};

}  // namespace pillion::resolve
