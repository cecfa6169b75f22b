#pragma once
// Plays a scenario: each of its statements is done to the resolver or compared with what it has done.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/load.hpp"
#include "scenarios/server_group.hpp"
#include "scenarios/world.hpp"

namespace pillion::scenarios {

/// Throws Error at the first statement that is not understood or does not hold.
void play(const Scenario& scenario);

class Stage {
 public:
  Stage();
  void play(const Statement& statement);
  /// Nothing may be left unseen, and no client without an answer while no upstream owes one.
  void end(const Place& place);

 private:
  struct ZoneText {
    std::string name;
    std::vector<dns::ZoneRecord> records;
  };
  struct GroupText {
    config::Upstream settings;         ///< its name; its protocol …
    std::vector<std::string> servers;  ///< empty: the scenario speaks for the group
    [[nodiscard]] const std::string& name() const { return settings.name; }
  };

  // Before anything happens, and who is there (settings.cpp)
  [[nodiscard]] bool read_setting(Words& words);
  void read_cache(Words& words);
  void read_group(Words& words);
  [[nodiscard]] FakeGroup* find_group(const std::string& name);
  [[nodiscard]] Client* find_client(const std::string& name);
  Client& add_client(const std::string& name);

  // What is made of it, at the start and after a change (configuration.cpp)
  void set_up();
  [[nodiscard]] resolve::Setup make_setup();
  [[nodiscard]] std::shared_ptr<resolve::UpstreamGroup> make_group(const GroupText& text);
  void change_configuration(Words& words);
  void play_resolver(Words& words);

  // What happens, and what is seen of it (stage.cpp)
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
  bool rotate_ = false;  // so that answers can be written down
  cache::Settings cache_;
  std::vector<GroupText> group_texts_;
  std::vector<std::pair<std::string, std::string>> routes_;
  std::vector<ZoneText> zones_;
  std::optional<resolve::SearchList> search_;
  // The groups of the configuration that is in use, and those for which the scenario spoke earlier.
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
