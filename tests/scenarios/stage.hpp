#pragma once
// Plays a scenario: each statement is an action on the resolver, or a check of its actions.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/load.hpp"
#include "scenarios/server_group.hpp"
#include "scenarios/world.hpp"

namespace pillion::scenarios {

/// Throws Error at the first statement that is not valid or not true.
void play(const Scenario& scenario);

class Stage {
 public:
  Stage();
  void play(const Statement& statement);
  /// Checks that all events were seen, and that each client has its answer unless an upstream still owes it.
  void end(const Place& place);

 private:
  struct ZoneText {
    std::string name;
    std::vector<dns::ZoneRecord> records;
  };
  struct GroupText {
    config::Upstream settings;         ///< its name; its protocol …
    std::vector<std::string> servers;  ///< empty: the scenario answers for the group
    [[nodiscard]] const std::string& name() const { return settings.name; }
  };

  // Settings, clients and servers (settings.cpp)
  [[nodiscard]] bool read_setting(Words& words);
  void read_cache(Words& words);
  void read_group(Words& words);
  [[nodiscard]] FakeGroup* find_group(const std::string& name);
  [[nodiscard]] Client* find_client(const std::string& name);
  Client& add_client(const std::string& name);

  // The resolver, at the start and after a change (configuration.cpp)
  void set_up();
  [[nodiscard]] resolve::Setup make_setup();
  [[nodiscard]] std::shared_ptr<resolve::UpstreamGroup> make_group(const GroupText& text);
  void change_configuration(Words& words);
  void play_resolver(Words& words);

  // Actions and checks (stage.cpp)
  void turn(Words& words);
  void play_subject(Words& words);
  void play_server(StageServer& server, bool is_of_it, Words& words);
  void play_group(FakeGroup& group, const std::string& name, Words& words);
  void play_clients(unsigned long count, Words& words);
  static void see_trace(Client& client, const std::string& who, Words& words);
  void ask(std::vector<Client*> clients, Words& words);
  void get(const std::vector<Client*>& clients, const std::string& who, Words& words);
  void learn(const std::string& who, Words& words);
  static void compare(Client& client, const std::string& who, const std::string& expected, const Words& words);
  void resolve_names(unsigned long count, Words& words);
  [[nodiscard]] std::vector<std::string> unseen() const;
  void nothing_unseen(const Words& words) const;

  void settle() { schedule_.turn_to(schedule_.elapsed()); }

  HandTurned schedule_;
  runtime::MemoryShares memory_;
  runtime::Random random_;
  LineLog log_;
  ServerRoom servers_{schedule_, log_};
  Load load_{schedule_, servers_.happenings()};
  bool cache_on_ = true;
  bool rotate_ = false;  // so that answers are deterministic
  cache::Settings cache_;
  std::vector<GroupText> group_texts_;
  std::vector<std::pair<std::string, std::string>> routes_;
  std::vector<ZoneText> zones_;
  std::optional<resolve::SearchList> search_;
  // The groups of the configuration in use, and those for which the scenario has answered before.
  std::map<std::string, std::shared_ptr<resolve::UpstreamGroup>> made_;
  std::vector<std::shared_ptr<resolve::UpstreamGroup>> spoken_for_;
  std::map<std::string, FakeGroup*> groups_;
  std::map<std::string, std::unique_ptr<Client>> clients_;
  std::unique_ptr<resolve::Resolver> resolver_;
  bool started_ = false;
  bool is_changing_ = false;  // the settings of another configuration are being read
  std::string probe_;         // the label of the loop probe that was seen last
  std::uint16_t next_id_ = 0x1000;
  std::size_t next_name_ = 0;
};

}  // namespace pillion::scenarios
