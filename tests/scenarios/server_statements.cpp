#include "scenarios/server_statements.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pillion::scenarios {
namespace {

using Failure = upstream::Error;

void expect_count(Words& words, std::string_view of, double actual, unsigned long expected) {
  if (actual != static_cast<double>(expected))
    words.fail(std::string(of) + " is " + std::to_string(static_cast<long>(actual)) + ", not " +
               std::to_string(expected));
}

double hedges(const StageServer& server, upstream::Hedge result) {
  return static_cast<double>(server.metrics.hedges[result].value());
}

/// NAME TYPE … [without EDNS] [over TCP], as text.
std::string read_arrival(Words& words) {
  auto text = to_text(read_question(words));
  if (words.take_if("without")) {
    words.expect("EDNS");
    text += " without EDNS";
  }
  if (words.take_if("over")) {
    words.expect("TCP");
    text += " over TCP";
  }
  return text;
}

void see_asked(StageServer& server, Words& words) {
  const auto before = server.unseen();
  const auto question = read_arrival(words);
  if (!server.see(question))
    words.fail(server.name + " is not asked " + question +
               (before.empty() ? ", nor anything else" : ", but" + as_list(before)));
}

void see_is(StageServer& server, Words& words) {
  if (words.take_if("asked")) return see_asked(server, words);
  if (words.take_if("probed")) {
    if (std::exchange(server.probes_seen, server.probes) == server.probes) words.fail(server.name + " is not probed");
    return;
  }
  const bool up = words.take_if("up");
  if (!up) words.expect("down");
  if (up != (server.metrics.up.value() == 1)) words.fail(server.name + (up ? " is down" : " is up"));
}

// N times.
unsigned long take_times(Words& words) {
  const auto times = words.take_number("how many");
  words.expect("times");
  return times;
}

void see_was(StageServer& server, Words& words) {
  if (words.take_if("connected")) {
    words.expect("to");
    return expect_count(words, "the number of connections that were made", static_cast<double>(server.connections),
                        take_times(words));
  }
  if (words.take_if("probed"))
    return expect_count(words, "the number of probes", static_cast<double>(server.probes), take_times(words));
  if (words.take_if("spared")) {
    const auto spared = words.take_number("how many");
    words.expect("hedges");
    return expect_count(words, "the number of hedges over budget", hedges(server, upstream::Hedge::over_budget),
                        spared);
  }
  words.expect("asked");
  if (words.take_if("from")) {
    const auto ports = words.take_number("how many");
    words.expect("ports");
    return expect_count(words, "the number of ports", static_cast<double>(server.ports), ports);
  }
  const auto question = read_arrival(words);
  expect_count(words, "the number of queries", static_cast<double>(server.times_asked[question]), take_times(words));
}

void see_has(StageServer& server, Words& words) {
  const auto expected = words.take_number("how many");
  const bool ports = words.take_if("ports");
  if (!ports && !words.take_if("connection")) words.expect("connections");
  expect_count(words, ports ? "the number of open ports" : "the number of open connections",
               static_cast<double>(server.open_ways(!ports).size()), expected);
}

void see_counts(StageServer& server, Words& words) {
  const auto expected = words.take_number("how many");
  const auto reason = words.take("the reason");
  const auto found = std::ranges::find(upstream::error_table, reason, &upstream::ErrorTraits::reason);
  if (found == upstream::error_table.end()) words.fail("\"" + reason + "\" is not a reason of a failure");
  const auto index = static_cast<std::size_t>(found - upstream::error_table.begin());
  expect_count(words, "the number of failures", static_cast<double>(server.metrics.failures[index].value()), expected);
}

StageServer::Form take_form(Words& words, runtime::Duration& after) {
  StageServer::Form form;
  while (true) {
    if (words.take_if("after")) {
      after = words.take_time();
    } else if (words.take_if("cut-by-buffer")) {
      form.is_cut = true;
    } else if (words.take_if("cut-by-server")) {
      form.lacks_last_bytes = true;
    } else if (words.take_if("as")) {
      form.other_question = read_question(words);
    } else if (words.take_if("by-another-id")) {
      form.has_another_id = true;
    } else {
      return form;
    }
  }
}

void answer(StageServer& server, Words& words) {
  if (words.take_if("nothing")) {
    server.answers_all.reset();
    return;
  }
  if (words.take_if("everything")) {
    StageServer::Habit habit{.question = {}, .reply = {}, .after = {}, .form = {}};
    habit.form = take_form(words, habit.after);
    if (!words.empty()) habit.reply = read_reply(words);
    server.answers_all = std::move(habit);
    return;
  }
  const auto question = read_question(words);
  const bool over_tcp = words.take_if("over");
  if (over_tcp) words.expect("TCP");
  runtime::Duration after{};
  const auto form = take_form(words, after);
  const auto reply = read_reply(words);
  auto* const asked = server.find_waiting(question, over_tcp);
  if (asked == nullptr) words.fail(server.name + " was not asked " + to_text(question) + ", or it is too late");
  server.answer(*asked, reply, after, form);
}

// will answer QUESTION …; will never answer anything: see "answers nothing".
void prepare(StageServer& server, Words& words) {
  words.expect("answer");
  StageServer::Habit habit{.question = read_arrival(words), .reply = {}, .after = {}, .form = {}};
  habit.form = take_form(words, habit.after);
  habit.reply = read_reply(words);
  server.prepared.push_back(std::move(habit));
}

// forges QUESTION [as QUESTION] [by-another-id] [N times] REPLY
void forge(StageServer& server, Words& words) {
  const auto question = read_question(words);
  runtime::Duration after{};
  const auto form = take_form(words, after);
  const auto times = words.peek(1) == "times" ? take_times(words) : 1;
  const auto reply = read_reply(words);
  auto* const asked = server.find_waiting(question);
  if (asked == nullptr) words.fail(server.name + " was not asked " + to_text(question));
  for (unsigned long i = 0; i < times; ++i) server.answer(*asked, reply, after, form, true);
}

struct Manner {
  std::string_view words;
  void (*be)(StageServer&);
};

/// The actions of a server that have no arguments.
constexpr auto manners = std::to_array<Manner>({
    {"goes away",
     [](StageServer& server) {
       server.is_gone = true;
       server.end_all(Failure::reset);
     }},
    {"comes back", [](StageServer& server) { server.is_gone = false; }},
    {"falls silent", [](StageServer& server) { server.is_silent = true; }},
    {"speaks again", [](StageServer& server) { server.is_silent = false; }},
    {"freezes", [](StageServer& server) { server.is_frozen = true; }},
    {"thaws", [](StageServer& server) { server.thaw(); }},
    {"leaves packets unacknowledged", [](StageServer& server) { server.retransmissions = 2; }},
    {"refuses connections", [](StageServer& server) { server.reception = Reception::refuse; }},
    {"accepts connections", [](StageServer& server) { server.reception = Reception::welcome; }},
    {"leaves handshakes unanswered", [](StageServer& server) { server.reception = Reception::leave_unanswered; }},
    {"closes before TLS", [](StageServer& server) { server.reception = Reception::close_before_tls; }},
    {"resets before TLS", [](StageServer& server) { server.reception = Reception::reset_before_tls; }},
    {"closes after handshakes", [](StageServer& server) { server.reception = Reception::close; }},
    {"resets after handshakes", [](StageServer& server) { server.reception = Reception::reset; }},
    {"closes", [](StageServer& server) { server.end_all(std::nullopt); }},
    {"resets", [](StageServer& server) { server.end_all(Failure::reset); }},
    {"knows no EDNS", [](StageServer& server) { server.knows_edns = false; }},
    {"knows EDNS", [](StageServer& server) { server.knows_edns = true; }},
    {"leaves probes unanswered", [](StageServer& server) { server.answers_probes = false; }},
    {"answers probes", [](StageServer& server) { server.answers_probes = true; }},
    {"reads one query from a record", [](StageServer& server) { server.reads_one_from_a_record = true; }},
    {"states no idle timeout", [](StageServer& server) { server.keepalive.reset(); }},
});

bool is_next(const Words& words, std::string_view phrase) {
  std::size_t ahead = 0;
  while (!phrase.empty()) {
    const auto end = std::min(phrase.find(' '), phrase.size());
    if (words.peek(ahead++) != phrase.substr(0, end)) return false;
    phrase.remove_prefix(std::min(end + 1, phrase.size()));
  }
  return words.peek(ahead).empty();
}

bool act_by_manner(StageServer& server, Words& words) {
  for (const auto& manner : manners) {
    if (!is_next(words, manner.words)) continue;
    while (!words.empty()) words.take("a word");
    manner.be(server);
    return true;
  }
  return false;
}

void close_at(StageServer& server, Words& words) {
  if (words.take_if("at")) {
    if (words.peek() == "one" && words.peek(2) == "in") {
      for (const auto* word : {"one", "name", "in"}) words.expect(word);
      server.closes_at_one_in = words.take_number("how many");
      for (const auto* word : {"of", "the", "load"}) words.expect(word);
      return;
    }
    server.closes_at = words.take_if("nothing") ? "" : to_text(read_question(words));
    return;
  }
  words.expect("after");
  words.expect("each");
  server.answers_per_connection = static_cast<unsigned>(words.take_number("how many"));
  words.expect("answers");
}

}  // namespace

bool see_of(StageServer& server, Words& words) {
  if (words.take_if("is")) {
    see_is(server, words);
  } else if (words.take_if("was")) {
    see_was(server, words);
  } else if (words.take_if("has")) {
    see_has(server, words);
  } else if (words.take_if("counts")) {
    see_counts(server, words);
  } else if (words.peek() == "won" || words.peek() == "lost") {
    const auto result = words.take("won or lost") == "won" ? upstream::Hedge::won : upstream::Hedge::lost;
    const auto expected = words.take_number("how many");
    words.expect("hedges");
    expect_count(words, "the number of hedges", hedges(server, result), expected);
  } else {
    return false;
  }
  return true;
}

void act(StageServer& server, Words& words) {
  if (act_by_manner(server, words)) return;
  if (words.take_if("answers")) return answer(server, words);
  if (words.take_if("will")) return prepare(server, words);
  if (words.take_if("forges")) return forge(server, words);
  if (words.take_if("closes")) return close_at(server, words);
  if (words.take_if("states")) {
    words.expect("an");
    words.expect("idle");
    words.expect("timeout");
    words.expect("of");
    server.keepalive = static_cast<std::uint16_t>(words.take_time() / std::chrono::milliseconds(100));
    return;
  }
  if (words.take_if("takes")) {
    words.expect("datagrams");
    words.expect("of");
    server.largest_datagram = words.take_number("the size in bytes");
    return words.expect("bytes");
  }
  words.fail("\"" + std::string(words.peek()) + "\" is not known of a server");
}

void act_on_its(StageServer& server, Words& words) {
  if (words.take_if("certificate")) {
    words.expect("is");
    if (words.take_if("good")) {
      server.reception = Reception::welcome;
      return;
    }
    server.reception = Reception::show_bad_certificate;
    const auto how = words.take("how the certificate is");
    if (how == "expired") {
      server.bad_certificate = Failure::certificate_expired;
    } else if (how == "another's") {
      server.bad_certificate = Failure::certificate_name;
    } else if (how == "untrusted") {
      server.bad_certificate = Failure::certificate_untrusted;
    } else if (how == "unpinned") {
      server.bad_certificate = Failure::pin_mismatch;
    } else {
      words.fail("a certificate is expired, another's, untrusted, unpinned or good, not " + how);
    }
    return;
  }
  auto ways = server.open_ways(server.protocol != config::Protocol::udp);
  std::erase_if(ways, [](const Way* way) { return way->is_silent; });
  const bool all = words.take_if("connections");
  if (!all) words.expect("connection");
  if (ways.empty()) words.fail(server.name + " has no connection");
  // The oldest one.
  if (!all) ways.resize(1);
  if (words.take_if(all ? "fall" : "falls")) {
    words.expect("silent");
    for (auto* const way : ways) way->is_silent = true;
    return;
  }
  const bool closes = words.take_if(all ? "close" : "closes");
  if (!closes) words.expect(all ? "reset" : "resets");
  for (auto* const way : ways)
    static_cast<StageStream*>(way)->end(closes ? std::nullopt : std::optional(Failure::reset));
}

}  // namespace pillion::scenarios
