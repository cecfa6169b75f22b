#pragma once
// Queries for many names, each once, at a steady rate: shows the effects of a server's absence under load.

#include <deque>
#include <optional>
#include <string_view>

#include "resolve/resolver.hpp"
#include "scenarios/servers.hpp"

namespace pillion::scenarios {

class Load {
 public:
  Load(testing::HandTurned& schedule, Happenings& happenings) : schedule_(schedule), happenings_(happenings) {}

  /// asks N names a second | ends | is answered [from TIME] within TIME | fails at most N times
  void play(resolve::Resolver& resolver, Words& words);
  /// The number of a name of a load, from 1; nullopt if it is another name.
  [[nodiscard]] static std::optional<unsigned long> number_of(std::string_view name);

 private:
  struct Asker final : resolve::Request {
    Asker(testing::HandTurned& schedule_of_it) : schedule(schedule_of_it), asked(schedule.clock().now()) {}
    void answered(const resolve::Answer& answer) override;

    testing::HandTurned& schedule;
    runtime::Time asked;
    std::optional<runtime::Time> ended;
    bool is_failure = false;
  };

  void ask(resolve::Resolver& resolver, std::size_t run);
  void see_answered(Words& words) const;
  void see_failures(Words& words) const;

  testing::HandTurned& schedule_;
  Happenings& happenings_;
  runtime::Duration every_{};
  std::size_t run_ = 0;  // of the queries that were begun
  std::deque<Asker> askers_;
};

}  // namespace pillion::scenarios
