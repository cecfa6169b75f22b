#pragma once
// Whether an upstream in the clear forwards our queries back to us. A name that nobody else can know is asked once; if
// it comes in from a client, there is a loop.

#include <cstdint>
#include <string>

#include "resolve/group.hpp"
#include "resolve/metrics.hpp"
#include "runtime/log.hpp"
#include "runtime/schedule.hpp"

namespace pillion::resolve {

class LoopProbe final : public Request, public runtime::Deadline {
 public:
  /// Between two attempts, while the upstream does not answer.
  static constexpr std::chrono::seconds retry_after{10};

  /// Asks for a name in `zone`, which the group is to answer for, that follows from `label`: a random number, and the
  /// same for all shards, since what one has asked may come back to another. `upstream` is for the log.
  LoopProbe(runtime::Schedule& schedule, std::uint64_t label, Group& group, std::string upstream, dns::Bytes zone);

  void start();
  void stop();
  /// True if this is our own question, or another shard's, come back.
  [[nodiscard]] bool is_asked_by(const dns::QueryView& query) const;
  /// True if the upstream has sent a question of ours back to us, at any time.
  [[nodiscard]] bool has_found() const { return reported_; }
  /// Counts the loop, and tells of it the first time.
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
