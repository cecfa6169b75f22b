#include "scenarios/stage.hpp"

#include "scenarios/server_statements.hpp"

namespace pillion::scenarios {
namespace {

QueryOptions take_options(Words& words) {
  QueryOptions options;
  while (!words.empty()) {
    if (words.take_if("EDNS")) {
      options.edns = true;
    } else if (words.take_if("AD")) {
      options.authentic_data = true;
    } else if (words.take_if("UDP")) {
      options.is_udp = true;
    } else if (words.take_if("size")) {
      options.payload = static_cast<std::uint16_t>(words.take_number("the size in bytes"));
      options.is_udp = true;
    } else {
      words.fail("\"" + std::string(words.peek()) + "\" is not known in a query");
    }
  }
  return options;
}

Outcome take_answer(Words& words) {
  Outcome outcome{.reply = read_reply(words)};
  if (outcome.reply.source) words.fail("an upstream does not say where its answer is from");
  return outcome;
}

Outcome take_failure(Words& words) {
  Outcome outcome{.reply = {}, .is_failure = true};
  words.expect("EDE");
  const auto code = static_cast<std::uint16_t>(words.take_number("the code of the error"));
  outcome.reply.errors.push_back({.info_code = code, .text = words.take_quoted("the text of the error")});
  return outcome;
}

}  // namespace

void play(const Scenario& scenario) {
  Stage stage;
  for (const auto& statement : scenario.statements) stage.play(statement);
  stage.end(scenario.place);
}

Stage::Stage() {
  group_texts_.emplace_back().settings.name = "upstream";
}

void Stage::play(const Statement& statement) {
  Words words(statement);
  if (read_setting(words)) return;
  set_up();
  if (words.take_if("at")) {
    nothing_unseen(words);
    turn(words);
    if (words.empty()) return;
  }
  play_subject(words);
  words.expect_end();
  settle();
}

void Stage::end(const Place& place) {
  const Statement statement{.place = place, .words = {}};
  const Words words(statement);
  if (!resolver_) words.fail("nothing happens");
  set_up();
  nothing_unseen(words);
  bool is_owed = false;
  for (const auto& [name, group] : groups_) {
    if (!group->prepared.empty()) words.fail(name + " was never asked " + group->prepared.front().question);
    is_owed |= group->has_waiting();
  }
  if (const auto wrong = servers_.never_asked(); !wrong.empty()) words.fail(wrong);
  is_owed |= servers_.has_waiting();
  for (const auto& [name, client] : clients_) {
    if (client->is_waiting() && !is_owed) words.fail(name + " has got no answer, and no upstream owes one");
  }
}

void Stage::turn(Words& words) {
  const auto time = words.take_time();
  if (time < schedule_.elapsed()) words.fail("time does not go back");
  // Before the first time, a scenario with servers states their properties.
  if (!servers_.empty() && !std::exchange(started_, true)) resolver_->start();
  schedule_.turn_to(time);
}

void Stage::play_subject(Words& words) {
  const auto subject = words.take("who does something");
  if (subject == "resolver") {
    play_resolver(words);
  } else if (subject == "configuration") {
    change_configuration(words);
  } else if (subject == "log") {
    words.expect("says");
    const auto line = words.take_quoted("the line");
    if (log_.lines.empty() || log_.lines.front() != line)
      words.fail("the log says " + (log_.lines.empty() ? "nothing" : "\"" + log_.lines.front() + "\""));
    log_.lines.pop_front();
  } else if (subject == "load") {
    load_.play(*resolver_, words);
  } else if (auto* const traced =
                 words.peek() == "trace" ? find_client(subject.substr(0, subject.find('\''))) : nullptr) {
    see_trace(*traced, subject, words);
  } else if (auto* const server = servers_.find(subject.substr(0, subject.find('\'')))) {
    play_server(*server, subject.ends_with("'s"), words);
  } else if (auto* const group = find_group(subject)) {
    play_group(*group, subject, words);
  } else if (is_number(subject)) {
    play_clients(std::stoul(subject), words);
  } else if (words.take_if("asks")) {
    ask({&add_client(subject)}, words);
  } else if (words.take_if("traces")) {
    add_client(subject).be_traced();
    ask({&add_client(subject)}, words);
  } else if (words.take_if("learns")) {
    learn(subject, words);
  } else if (auto* const client = find_client(subject)) {
    words.expect("gets");
    get({client}, subject, words);
  } else {
    words.fail("\"" + subject + "\" is neither an upstream group nor a client that has asked");
  }
}

void Stage::play_server(StageServer& server, bool is_of_it, Words& words) {
  if (!is_of_it && see_of(server, words)) return;
  nothing_unseen(words);
  is_of_it ? act_on_its(server, words) : act(server, words);
}

void Stage::play_group(FakeGroup& group, const std::string& name, Words& words) {
  if (words.take_if("is")) {
    words.expect("asked");
    const auto before = group.unseen();
    const auto question = to_text(read_question(words));
    if (!group.see(question))
      words.fail(name + " is not asked " + question +
                 (before.empty() ? ", nor anything else" : ", but" + as_list(before)));
    return;
  }
  nothing_unseen(words);
  const bool will = words.take_if("will");
  if (!will && words.take_if("goes")) {
    words.expect("down");
    group.down = true;
  } else if (!will && words.take_if("comes")) {
    words.expect("up");
    group.down = false;
    group.recovered = schedule_.clock().now();
  } else {
    const bool fails = words.take_if(will ? "fail" : "fails");
    if (!fails) words.expect(will ? "answer" : "answers");
    const auto question = read_question(words);
    const auto outcome = fails ? take_failure(words) : take_answer(words);
    if (will) return group.prepare(question, outcome);
    if (!group.answer(question, outcome)) words.fail(name + " was not asked " + to_text(question));
  }
}

/// `trace says "…", "…"`: parts of lines in this order, possibly with other lines between them.
void Stage::see_trace(Client& client, const std::string& who, Words& words) {
  words.expect("trace");
  words.expect("says");
  do {
    const auto text = words.take_quoted("a part of the line");
    const auto rest = client.rest_of_trace();
    if (!client.skip_to(text)) words.fail(who + " trace does not say \"" + text + "\", but" + rest);
  } while (words.take_if(","));
}

void Stage::play_clients(unsigned long count, Words& words) {
  if (words.take_if("other")) {
    words.expect("names");
    return resolve_names(count, words);
  }
  words.expect("clients");
  const bool asking = words.take_if("ask");
  if (!asking) words.expect("get");
  std::vector<Client*> clients;
  for (unsigned long i = 1; i <= count; ++i) {
    const auto name = "client " + std::to_string(i);
    clients.push_back(asking ? &add_client(name) : find_client(name));
    if (clients.back() == nullptr) words.fail("so many clients have not asked");
  }
  if (asking) return ask(std::move(clients), words);
  get(clients, "one of the clients", words);
}

void Stage::ask(std::vector<Client*> clients, Words& words) {
  nothing_unseen(words);
  auto question = read_question(words);
  auto options = take_options(words);
  constexpr std::string_view hidden = "<probe>";
  if (question.name.starts_with(hidden)) {
    for (const auto& [name, group] : groups_) {
      if (!group->last_probe().empty()) probe_ = group->last_probe();
    }
    question.name.replace(0, hidden.size(), probe_);
  }
  for (auto* const client : clients) {
    if (client->is_waiting()) words.fail("it still waits for an answer");
    options.id = next_id_++;
    client->ask(*resolver_, question, options);
  }
}

void Stage::get(const std::vector<Client*>& clients, const std::string& who, Words& words) {
  const auto reply = read_reply(words);
  if (!reply.source) words.fail("\"from\" and the source of the answer are missing");
  const auto expected = to_text(reply);
  for (auto* const client : clients) compare(*client, who, expected, words);
}

/// All steps of a question that is asked upstream: asks, is asked, answers, gets.
void Stage::learn(const std::string& who, Words& words) {
  nothing_unseen(words);
  const auto question = read_question(words);
  auto reply = read_reply(words);
  if (!reply.source) words.fail("\"from\" and the group that answers are missing");
  const auto expected = to_text(reply);
  auto* const group = find_group(*reply.source);
  if (group == nullptr && servers_.empty()) words.fail("there is no group " + *reply.source);
  reply.source.reset();
  auto& client = add_client(who);
  if (client.is_waiting()) words.fail("it still waits for an answer");
  client.ask(*resolver_, question, {.id = next_id_++, .payload = {}});
  settle();
  const bool is_asked = group == nullptr ? servers_.answer(question, reply)
                                         : group->see(to_text(question)) && group->answer(question, {.reply = reply});
  if (!is_asked) words.fail("nobody asks for " + to_text(question));
  settle();
  compare(client, who, expected, words);
}

void Stage::compare(Client& client, const std::string& who, const std::string& expected, const Words& words) {
  if (!client.has_unseen_answer()) words.fail(who + " gets nothing");
  const auto got = client.take_answer();
  if (got != expected) words.fail(who + " gets\n  " + got + "\nand not\n  " + expected);
  if (const auto wrong = client.bad_manners(); !wrong.empty()) words.fail(who + " " + wrong);
}

/// Fills the cache with names that are asked for only once. Each is asked for, asked upstream, and answered.
void Stage::resolve_names(unsigned long count, Words& words) {
  nothing_unseen(words);
  words.expect("are");
  words.expect("resolved");
  auto& group = *groups_.at("upstream");
  auto& client = add_client("the client of other names");
  for (unsigned long i = 0; i < count; ++i) {
    Statement statement{.place = {}, .words = {"name" + std::to_string(next_name_++) + ".other.example", "A"}};
    Words question_words(statement);
    const auto question = read_question(question_words);
    Statement answer{.place = {}, .words = {"NOERROR:", question.name, "300", "A", "192.0.2.200"}};
    Words answer_words(answer);
    client.ask(*resolver_, question, {.id = next_id_++, .edns = false, .authentic_data = false, .payload = {}});
    if (!group.see(to_text(question)) || !group.answer(question, take_answer(answer_words)))
      words.fail("upstream is not asked " + to_text(question));
    if (!client.has_unseen_answer() || client.is_waiting()) words.fail("nobody answers " + to_text(question));
    static_cast<void>(client.take_answer());
  }
  group.forget_answered();
}

std::vector<std::string> Stage::unseen() const {
  std::vector<std::string> all;
  for (const auto& [name, group] : groups_) {
    for (const auto& question : group->unseen()) all.push_back(name + " is asked " + question);
  }
  std::ranges::move(servers_.unseen(), std::back_inserter(all));
  for (const auto& [name, client] : clients_) {
    if (client->has_unseen_answer()) all.push_back(name + " gets " + client->answer_text());
  }
  for (const auto& line : log_.lines) all.push_back("log says \"" + line + "\"");
  return all;
}

void Stage::nothing_unseen(const Words& words) const {
  if (const auto all = unseen(); !all.empty()) words.fail("before this, the scenario does not say that" + as_list(all));
}

}  // namespace pillion::scenarios
