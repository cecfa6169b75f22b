#pragma once
// Scenario files: scenarios, each of statements, each of words (tests/README.md describes the language).

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::scenarios {

struct Place {
  std::string file;
  std::size_t line = 0;  ///< from 1
};

/// A fault of a scenario, or a failure that it has found: "file:line: message".
class Error : public std::runtime_error {
 public:
  Error(const Place& place, const std::string& message)
      : std::runtime_error(place.file + ":" + std::to_string(place.line) + ": " + message) {}
};

/// Quoted words keep their quotes.
struct Statement {
  Place place;
  std::vector<std::string> words;
};

struct Scenario {
  std::string name;
  std::string reference;  ///< "RFC 1035 3.2.1, RFC 2181 8"
  Place place;
  std::vector<Statement> statements;
};

/// Reads the scenarios of one file. Throws Error if a quote is open, a name or a reference is missing, or a
/// statement stands before the first scenario.
[[nodiscard]] std::vector<Scenario> read_scenarios(std::string_view text, const std::string& file);

/// True if it is not empty and has only digits and characters of `more`.
[[nodiscard]] bool is_number(std::string_view text, std::string_view more = "");
/// The lines, each after a line break and two spaces.
[[nodiscard]] std::string as_list(const std::vector<std::string>& lines);

/// The words of a statement, one taken after the other.
class Words {
 public:
  explicit Words(const Statement& statement) : statement_(statement) {}

  [[nodiscard]] bool empty() const { return next_ == statement_.words.size(); }
  /// The next word, or one after it, without taking it; "" if there is none.
  [[nodiscard]] std::string_view peek(std::size_t ahead = 0) const {
    const auto at = next_ + ahead;
    return at < statement_.words.size() ? statement_.words[at] : std::string_view{};
  }
  /// Takes the next word. Throws if there is none, with `what` in the message.
  std::string take(std::string_view what);
  /// Takes a word in quotes. Returns it without them.
  std::string take_quoted(std::string_view what);
  unsigned long take_number(std::string_view what);
  /// Takes a duration: 0s, 1.8s, 100ms, 5m, 1h.
  std::chrono::milliseconds take_time();
  /// Takes the next word if it is this one.
  bool take_if(std::string_view word);
  void expect(std::string_view word);
  void expect_end();
  [[noreturn]] void fail(const std::string& message) const { throw Error(statement_.place, message); }

 private:
  const Statement& statement_;
  std::size_t next_ = 0;
};

}  // namespace pillion::scenarios
