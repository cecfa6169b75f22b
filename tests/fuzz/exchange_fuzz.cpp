// An exchange with servers that refuse, answer, fail or fall silent at any time. The input is a list of events, one
// byte each and their arguments; missing bytes at the end count as zero.

#include <algorithm>
#include <array>
#include <vector>

#include "dns/response.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/input.hpp"
#include "resolve/exchange.hpp"
#include "support/hand_turned.hpp"

namespace pillion::fuzz {
namespace {

using resolve::Attempt;
using std::chrono::milliseconds;
using upstream::Error;

constexpr milliseconds budget{4000};

class Run final : public resolve::Servers, public upstream::QueryHolder, public resolve::Request {
 public:
  explicit Run(Input input)
      : input_(input),
        servers_(1 + input_.below(4)),
        terms_{.schedule = time_,
               .servers = *this,
               .source = resolve::Source::upstream,
               .budget = budget,
               .next_after = milliseconds(1 + 10 * input_.below(200))} {}

  void all() {
    dns::Buffer query;
    const dns::Buffer name = {1, 'a', 0};
    dns::append_query(query, 1, dns::flag::rd, name, dns::type::a, dns::klass::in);
    exchange_.start(terms_, dns::parse_query(query, {}).value(), *this);
    while (!input_.is_over()) {
      one();
      compare();
    }
    time_.turn_to(budget);
    require(is_answered_, "it is answered at the latest when the budget ends");
    compare();
  }

 private:
  void one() {
    switch (input_.below(6)) {
      case 0:
        return time_.pass(milliseconds(input_.byte()));
      case 1:
        return time_.pass(milliseconds(10) * input_.byte());
      case 2:
        return reply();
      case 3:
        if (auto* const attempt = take()) attempt->failed(any_error());
        return;
      case 4:
        if (!under_way_.empty()) under_way_[input_.below(under_way_.size())]->delayed();
        return;
      default: {
        auto& trouble = troubles_[input_.below(servers_)];
        trouble = trouble ? std::nullopt : std::optional(any_error());
      }
    }
  }

  Attempt* take() {
    if (under_way_.empty()) return nullptr;
    const auto chosen = under_way_.begin() + static_cast<std::ptrdiff_t>(input_.below(under_way_.size()));
    auto* const attempt = *chosen;
    under_way_.erase(chosen);
    attempt->suspicion.endings = static_cast<std::uint8_t>(attempt->suspicion.endings + input_.below(2));
    attempt->suspicion.endings_alone = static_cast<std::uint8_t>(input_.below(3));
    return attempt;
  }

  void reply() {
    auto* const attempt = take();
    if (attempt == nullptr) return;
    const auto rcode = static_cast<std::uint16_t>(input_.below(6));
    auto message = attempt->message;
    dns::write_u16(message, 2, static_cast<std::uint16_t>(dns::flag::qr | rcode));
    upstream::Reply reply{.message = {}, .rcode = rcode};
    if (const auto view = dns::MessageView::parse(message); view && input_.below(4) != 0) reply.message = *view;
    attempt->replied(reply);
  }

  Error any_error() { return static_cast<Error>(input_.below(upstream::error_table.size())); }

  void compare() {
    require(under_way_.size() <= resolve::Exchange::max_attempts, "no more attempts than there may be");
    for (const auto* const attempt : under_way_) {
      const auto is_there = [&](const Attempt* other) { return other->server() == attempt->server(); };
      require(std::ranges::count_if(under_way_, is_there) == 1, "no server has the question twice");
    }
    require(is_ended_ == is_answered_, "ended and answered");
    if (!is_answered_) return require(!under_way_.empty(), "somebody is waited for");
    require(under_way_.empty(), "nobody has the question any more");
    require(time_.deadline_count() == 0, "no deadline is left");
    require(hedges_ == hedges_told_, "each hedge is told of");
  }

  std::optional<std::size_t> choose(upstream::ServerSet tried, bool only_responsive) override {
    std::optional<std::size_t> down;
    for (std::size_t i = 0; i < servers_; ++i) {
      if ((tried >> i & 1U) != 0) continue;
      if (!troubles_[i]) return i;
      if (!down) down = i;
    }
    return only_responsive ? std::nullopt : down;
  }
  std::optional<Error> submit(Attempt& attempt, runtime::Time /*now*/) override {
    require(!is_ended_, "nobody is asked behind the end");
    if (input_.below(8) == 1) return any_error();
    attempt.holder = this;
    under_way_.push_back(&attempt);
    return std::nullopt;
  }
  void abandon(upstream::Query& query) override {
    require(std::erase(under_way_, &query) == 1, "only who has it is told that it is not wanted");
  }
  std::optional<Error> trouble_of(std::size_t server) const override { return troubles_[server]; }
  std::optional<runtime::Duration> slow_after(std::size_t /*server*/) const override { return milliseconds(50); }
  bool take_hedge(std::size_t /*server*/) override { return ++hedges_ > 0; }
  void give_hedge_back() override { --hedges_; }
  void hedged(std::size_t /*server*/, bool /*has_won*/) override { ++hedges_told_; }
  void timed_out(std::size_t server) override { require(!troubles_[server], "its trouble has been counted"); }
  std::string_view name_of(std::size_t /*server*/) const override { return "a server"; }
  upstream::trace::ServerChosen explain(std::size_t /*server*/, upstream::ServerSet /*tried*/) const override {
    return {};
  }
  void ended(resolve::Exchange& /*exchange*/) override { require(!std::exchange(is_ended_, true), "it ends once"); }
  void answered(const resolve::Answer& /*answer*/) override {
    require(is_ended_, "it has ended when it is answered");
    require(!std::exchange(is_answered_, true), "it is answered once");
  }

  Input input_;
  testing::HandTurned time_;
  std::size_t servers_;
  std::array<std::optional<Error>, 4> troubles_;
  std::vector<Attempt*> under_way_;
  int hedges_ = 0;
  int hedges_told_ = 0;
  bool is_ended_ = false;
  bool is_answered_ = false;
  resolve::ExchangeTerms terms_;
  resolve::Exchange exchange_;
};

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pillion::fuzz::Run(pillion::fuzz::Input({data, size})).all();
  return 0;
}
