#pragma once
// The surroundings of the resolver in a scenario: upstream groups for which the scenario answers, clients, and a log.

#include <deque>
#include <string>
#include <vector>

#include "resolve/resolver.hpp"
#include "scenarios/message_text.hpp"
#include "support/hand_turned.hpp"

namespace pillion::scenarios {

using testing::HandTurned;

/// The outcome of a question at an upstream: an answer, or a failure.
struct Outcome {
  Reply reply;
  bool is_failure = false;  ///< there is no message; the reply's first error is the reason
};

class FakeGroup final : public resolve::Group {
 public:
  explicit FakeGroup(bool encrypted) : encrypted_(encrypted) {}

  void start() override {}
  void resolve(const dns::QueryView& query, resolve::Request& request) override;
  void stop() override {}
  [[nodiscard]] bool is_stopped() const override { return true; }
  [[nodiscard]] bool trim() override { return false; }
  [[nodiscard]] bool is_idle() const override { return !has_waiting(); }
  [[nodiscard]] bool is_warm() const override { return true; }
  [[nodiscard]] bool is_down() const override { return down; }
  [[nodiscard]] std::optional<runtime::Time> recovered_at() const override { return recovered; }

  /// Marks one question that was asked as seen; false if there is none.
  [[nodiscard]] bool see(const std::string& question);
  /// Answers the oldest waiting question of this text that was seen; false if there is none.
  [[nodiscard]] bool answer(const Question& question, const Outcome& outcome);
  /// Answers the next question of this text from within resolve().
  void prepare(const Question& question, const Outcome& outcome) { prepared.push_back({to_text(question), outcome}); }
  [[nodiscard]] bool has_waiting() const;
  /// The random label of the loop probe that was asked; "" if there was none.
  [[nodiscard]] const std::string& last_probe() const { return last_probe_; }
  /// Removes ended questions, so that searches stay quick.
  void forget_answered();
  /// The questions that were asked and not seen, as text.
  [[nodiscard]] std::vector<std::string> unseen() const;

  struct Prepared {
    std::string question;
    Outcome outcome;
  };
  std::deque<Prepared> prepared;
  bool down = false;
  std::optional<runtime::Time> recovered;

 private:
  struct Asked {
    std::string text;
    Question question;
    resolve::Request* request = nullptr;  ///< nullptr once it has been answered
    bool seen = false;
  };
  void deliver(Asked& asked, const Outcome& outcome) const;

  bool encrypted_;
  std::string last_probe_;
  std::deque<Asked> asked_;
};

class Client final : public resolve::Request, upstream::trace::Tracer {
 public:
  /// Asks. The answer comes now or later.
  void ask(resolve::Resolver& resolver, const Question& question, const QueryOptions& options);
  /// From now on the questions of this client are traced.
  void be_traced() { trace_by(this); }
  /// Skips the lines of the trace up to one that contains `text`; false if no remaining line does.
  [[nodiscard]] bool skip_to(std::string_view text);
  /// The lines that have not been skipped, of the newest question.
  [[nodiscard]] std::string rest_of_trace() const;
  void answered(const resolve::Answer& answer) override;

  [[nodiscard]] bool is_waiting() const { return asked_ > answered_; }
  [[nodiscard]] bool has_unseen_answer() const { return unseen_; }
  /// The answer as text, and its fault as an answer to this client's query; empty if there is none.
  [[nodiscard]] std::string take_answer();
  [[nodiscard]] std::string answer_text() const;
  [[nodiscard]] std::string bad_manners() const;

 private:
  void note(const upstream::trace::What& what, std::string_view step) override;
  void lost() noexcept override {}

  std::deque<std::string> trace_lines_;
  dns::Buffer query_;
  dns::Buffer answer_;
  std::size_t limit_ = dns::max_message_size;
  std::string_view source_;
  int asked_ = 0;
  int answered_ = 0;
  bool unseen_ = false;
};

/// Keeps the lines of level warn and above.
class LineLog final : public runtime::Log {
 public:
  LineLog() : Log(runtime::LogLevel::warn) {}
  std::deque<std::string> lines;

 private:
  void write(runtime::LogLevel /*level*/, std::string_view message,
             std::span<const runtime::Field> /*fields*/) override {
    lines.emplace_back(message);
  }
};

/// The random label of a loop probe, which differs from run to run, stands in scenarios as "<probe>".
[[nodiscard]] std::string hide_probe(const std::string& question);

}  // namespace pillion::scenarios
