#include "scenarios/load.hpp"

#include <algorithm>
#include <charconv>

namespace pillion::scenarios {
namespace {

constexpr std::string_view zone = ".load.example";

std::string in_milliseconds(runtime::Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + "ms";
}

}  // namespace

void Load::Asker::answered(const resolve::Answer& answer) {
  ended = schedule.clock().now();
  is_failure = resolve::is_failure(answer);
}

void Load::play(resolve::Resolver& resolver, Words& words) {
  if (words.take_if("asks")) {
    const auto rate = words.take_number("how many");
    if (rate == 0 || rate > 1000) words.fail("a load is of 1 to 1000 names a second");
    words.expect("names");
    words.expect("a");
    words.expect("second");
    every_ = std::chrono::duration_cast<runtime::Duration>(std::chrono::seconds(1)) / static_cast<long>(rate);
    return ask(resolver, ++run_);
  }
  if (words.take_if("ends")) {
    ++run_;
  } else if (words.take_if("fails")) {
    see_failures(words);
  } else {
    words.expect("is");
    words.expect("answered");
    see_answered(words);
  }
}

std::optional<unsigned long> Load::number_of(std::string_view name) {
  if (!name.starts_with('n') || !name.ends_with(zone)) return std::nullopt;
  name = name.substr(1, name.size() - 1 - zone.size());
  unsigned long number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

void Load::ask(resolve::Resolver& resolver, std::size_t run) {
  if (run != run_) return;
  happenings_.add([this, &resolver, run] { ask(resolver, run); }, every_);
  auto& asker = askers_.emplace_back(schedule_);
  const Question question{.name = "n" + std::to_string(askers_.size()) + std::string(zone), .type = dns::type::a};
  const auto message = query_message(question, {.payload = {}});
  const auto query = dns::parse_query(message, {}).value();
  const auto found = resolver.look(query);
  if (found.answer) return asker.answered(*found.answer);
  resolver.ask(query, found.miss, asker);
}

void Load::see_answered(Words& words) const {
  auto from = testing::HandTurned::start();
  if (words.take_if("from")) from += words.take_time();
  words.expect("within");
  const auto within = words.take_time();
  std::size_t seen = 0;
  for (const auto& asker : askers_) {
    const auto waited = asker.ended.value_or(schedule_.clock().now()) - asker.asked;
    if (asker.asked < from || (!asker.ended && waited <= within)) continue;
    ++seen;
    const auto which = "the name that was asked at " + in_milliseconds(asker.asked - testing::HandTurned::start());
    if (!asker.ended || waited > within) words.fail(which + " waits " + in_milliseconds(waited));
    if (asker.is_failure) words.fail(which + " fails after " + in_milliseconds(waited));
  }
  if (seen == 0) words.fail("no name was asked since then, or none so long ago");
}

void Load::see_failures(Words& words) const {
  words.expect("at");
  words.expect("most");
  const auto most = words.take_number("how many");
  words.expect("times");
  const auto failures = std::ranges::count_if(askers_, [](const Asker& asker) { return asker.is_failure; });
  if (static_cast<unsigned long>(failures) > most) words.fail("it fails " + std::to_string(failures) + " times");
}

}  // namespace pillion::scenarios
