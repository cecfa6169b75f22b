#include "scenarios/script.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace pillion::scenarios {
namespace {

constexpr std::string_view blanks = " \t\r";

/// Removes one word from the front of `line`, which does not start with a blank.
std::string next_word(std::string_view& line, const Place& place) {
  auto end = line.find_first_of(std::string(blanks) + ";");
  if (line.front() == ';') {
    end = 1;
  } else if (line.front() == '"') {
    const auto close = line.find('"', 1);
    if (close == std::string_view::npos) throw Error(place, "the quote is not closed");
    end = close + 1;
  }
  const std::string word(line.substr(0, end));
  line.remove_prefix(word.size());
  return word;
}

std::vector<std::string> words_of(std::string_view line, const Place& place) {
  std::vector<std::string> words;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.empty() || line.front() == '#') return words;
    words.push_back(next_word(line, place));
  }
}

// scenario "NAME" RFC NUMBER SECTION, RFC NUMBER SECTION …
Scenario read_head(const Statement& statement) {
  Words words(statement);
  words.expect("scenario");
  Scenario scenario{
      .name = words.take_quoted("the scenario's name"), .reference = {}, .place = statement.place, .statements = {}};
  bool more = true;
  while (more) {
    words.expect("RFC");
    const auto number = words.take("the number of the RFC");
    auto section = words.take("the section of the RFC");
    more = section.ends_with(',');
    if (more) section.pop_back();
    if (!is_number(number) || !is_number(section, "."))
      words.fail("\"RFC " + number + " " + section + "\" is not a reference such as RFC 1035 3.2.1");
    scenario.reference += (scenario.reference.empty() ? "RFC " : ", RFC ") + number + " " + section;
  }
  words.expect_end();
  return scenario;
}

bool goes_on(const std::vector<std::string>& words) {
  return !words.empty() && (words.back().ends_with(',') || words.back().ends_with(':') || words.back() == "/");
}

}  // namespace

bool is_number(std::string_view text, std::string_view more) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || more.find(c) != std::string_view::npos;
  });
}

std::string as_list(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "\n  " + line;
  return text;
}

std::vector<Scenario> read_scenarios(std::string_view text, const std::string& file) {
  std::vector<Scenario> scenarios;
  Statement statement;
  const auto end_statement = [&] {
    if (statement.words.empty()) return;
    if (statement.words.front() == "scenario") {
      scenarios.push_back(read_head(statement));
    } else if (scenarios.empty()) {
      throw Error(statement.place, "there is no scenario yet");
    } else {
      scenarios.back().statements.push_back(statement);
    }
    statement.words.clear();
  };
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const Place here{.file = file, .line = line};
    for (auto& word : words_of(text.substr(0, end), here)) {
      if (word == ";") {
        end_statement();
        continue;
      }
      if (statement.words.empty()) statement.place = here;
      statement.words.push_back(std::move(word));
    }
    if (!goes_on(statement.words)) end_statement();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  end_statement();
  return scenarios;
}

std::string Words::take(std::string_view what) {
  if (empty()) fail(std::string(what) + " is missing");
  return statement_.words[next_++];
}

std::string Words::take_quoted(std::string_view what) {
  const auto word = take(what);
  if (!word.starts_with('"')) fail(std::string(what) + " has to be in quotes, not " + word);
  return word.substr(1, word.size() - 2);
}

unsigned long Words::take_number(std::string_view what) {
  const auto word = take(what);
  unsigned long number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size())
    fail(std::string(what) + " has to be a number, not \"" + word + "\"");
  return number;
}

std::chrono::milliseconds Words::take_time() {
  const auto text = take("a time");
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  const double seconds = unit == "s" ? 1 : unit == "ms" ? 0.001 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc{} || seconds == 0) fail("\"" + text + "\" is not a time such as 300s, 1.8s or 1h");
  return std::chrono::milliseconds(std::llround(number * seconds * 1000));
}

bool Words::take_if(std::string_view word) {
  const bool is_next = !empty() && peek() == word;
  if (is_next) ++next_;
  return is_next;
}

void Words::expect(std::string_view word) {
  if (!take_if(word)) fail("\"" + std::string(word) + "\" expected, not \"" + std::string(peek()) + "\"");
}

void Words::expect_end() {
  if (!empty()) fail("\"" + std::string(peek()) + "\" is not known here");
}

}  // namespace pillion::scenarios
