#pragma once
// An upstream group that keeps its queries, and a client.

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/message_builder.hpp"
#include "resolve/group.hpp"
#include "support/hand_turned.hpp"

namespace pillion::resolve::testing {

using pillion::testing::HandTurned;

class HoldingGroup final : public Group {
 public:
  struct Asked {
    std::string name;
    std::uint16_t type = 0;
    Request* request = nullptr;
  };

  void start() override {}
  void resolve(const dns::QueryView& query, Request& request) override {
    asked.push_back({dns::to_text(query.question().name), query.question().type, &request});
  }
  void stop() override {}
  [[nodiscard]] bool is_stopped() const override { return true; }
  [[nodiscard]] bool trim() override { return false; }
  [[nodiscard]] bool is_idle() const override { return true; }
  [[nodiscard]] bool is_warm() const override { return true; }
  [[nodiscard]] bool is_down() const override { return false; }
  [[nodiscard]] std::optional<runtime::Time> recovered_at() const override { return std::nullopt; }

  /// Answers the oldest question.
  void answer(const dns::Buffer& message) {
    auto& request = *next().request;
    const auto view = dns::MessageView::parse(message).value();
    request.answered({.source = Source::upstream, .message = view, .rcode = view.header().rcode(), .text = {}});
  }
  /// An answer with one address to the oldest question.
  void answer_with_address() {
    dns::testing::MessageBuilder message(dns::flag::qr | dns::flag::rd | dns::flag::ra);
    message.question(asked.front().name, asked.front().type)
        .record(dns::testing::Section::answer, dns::testing::pointer_to(dns::header_size), dns::type::a,
                {192, 0, 2, 1});
    answer(message.bytes());
  }
  void fail() { next().request->answered({.source = Source::upstream, .text = "no answer in time"}); }

  std::deque<Asked> asked;

 private:
  Asked next() {
    auto first = std::move(asked.front());
    asked.pop_front();
    return first;
  }
};

class Asker final : public Request {
 public:
  void answered(const Answer& answer) override {
    ++answers;
    rcode = answer.message ? answer.message->header().rcode() : answer.rcode;
    info_code = answer.info_code;
    text = answer.text;
    may_be_cached = answer.may_be_cached;
    records = answer.message ? answer.message->header().answers() : 0;
  }

  int answers = 0;
  int records = 0;
  std::uint16_t rcode = 0;
  std::optional<std::uint16_t> info_code;
  std::string text;
  bool may_be_cached = true;
};

/// A client's query and the view of it.
class BuiltQuery {
 public:
  explicit BuiltQuery(std::string_view name, std::uint16_t type = dns::type::a)
      : bytes_(dns::testing::MessageBuilder().question(name, type).bytes()) {}
  [[nodiscard]] dns::QueryView view() const { return dns::parse_query(bytes_, {}).value(); }

 private:
  dns::Buffer bytes_;
};

}  // namespace pillion::resolve::testing
