#pragma once
// The real resolve::Failover, its pools and its connections, over the servers of a scenario.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "resolve/failover.hpp"
#include "runtime/log.hpp"
#include "scenarios/servers.hpp"
#include "upstream/pool.hpp"

namespace pillion::scenarios {

/// All servers of a scenario, of all groups. Outlives the groups.
class ServerRoom {
 public:
  ServerRoom(testing::HandTurned& schedule, runtime::Log& log)
      : schedule_(schedule), log_(log), happenings_(schedule) {}

  /// A group of servers with these names, like one of a configuration. It also uses the existing servers of the same
  /// protocol.
  [[nodiscard]] std::unique_ptr<resolve::Group> make_group(const config::Upstream& settings,
                                                           const std::vector<std::string>& names);

  [[nodiscard]] bool empty() const { return servers_.empty(); }
  /// The server of this name; nullptr if there is none.
  [[nodiscard]] StageServer* find(std::string_view name) const;
  /// Answers the question at the only server that has just been asked; false if there is none.
  [[nodiscard]] bool answer(const Question& question, const Reply& reply);
  /// "a is asked www.example A"
  [[nodiscard]] std::vector<std::string> unseen() const;
  [[nodiscard]] bool has_waiting() const;
  /// "a was never asked www.example A"; "" if all expected questions were asked.
  [[nodiscard]] std::string never_asked() const;

  [[nodiscard]] Happenings& happenings() { return happenings_; }

 private:
  [[nodiscard]] std::unique_ptr<upstream::Pool> make_pool(StageServer& server, const config::Upstream& settings,
                                                          config::Protocol protocol,
                                                          const upstream::ServerProfile& known);

  testing::HandTurned& schedule_;
  runtime::MemoryShare memory_;
  runtime::Log& log_;
  Happenings happenings_;
  upstream::ConnectionLimits limits_;
  std::vector<std::unique_ptr<StageServer>> servers_;
  std::uint16_t last_id_ = 0;
};

}  // namespace pillion::scenarios
