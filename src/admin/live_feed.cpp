#include "admin/live_feed.hpp"

#include <exception>
#include <string_view>
#include <utility>

#include <boost/json/serialize.hpp>

#include "admin/json.hpp"
#include "admin/status_json.hpp"

namespace pillion::admin {
namespace asio = boost::asio;

asio::awaitable<void> LiveFeed::remember() {
  // g++ 12 miscompiles a do loop whose condition awaits.
  for (bool goes_on = true; goes_on;) {
    auto now = reader_.figures(runtime::Clock::now());
    log_changes(now);
    kept_.push_back(std::move(now));
    // Keeps one reading that is as old as the window, and the newer ones.
    while (kept_.size() > 2 && kept_.back().at - kept_[1].at >= window) kept_.pop_front();
    goes_on = co_await waits_.pause(keep_every);
  }
}

void LiveFeed::log_changes(const Figures& now) {
  const auto log = [this](runtime::LogLevel level, std::string_view message, const Finding& finding) {
    log_.log(level, message,
             {{"code", finding.code},
              {"severity", to_string(finding.severity)},
              {"fault", to_string(finding.fault)},
              {"subject", finding.subject},
              {"text", finding.text}});
  };
  const auto changes = changes_.take(judge(now).findings, now.at);
  for (const auto& each : changes.begun)
    log(needs_attention(each.severity) ? runtime::LogLevel::warn : runtime::LogLevel::info, "finding", each);
  for (const auto& each : changes.over) log(runtime::LogLevel::info, "finding is over", each);
}

LiveFeed::Verdict LiveFeed::judge(const Figures& now) const {
  const Figures& before = kept_.empty() ? now : kept_.front();
  return {.findings = admin::judge(now, before, reader_.situation()), .window_seconds = window_of(now, before)};
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until this ends
asio::awaitable<void> LiveFeed::listen(http::ResponseStream& out) {
  ++listeners_;
  std::exception_ptr failure;
  try {
    co_await write_events(out);
  } catch (...) {
    failure = std::current_exception();
  }
  --listeners_;
  if (failure) std::rethrow_exception(failure);
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until this ends
asio::awaitable<void> LiveFeed::write_events(http::ResponseStream& out) {
  auto before = reader_.figures(runtime::Clock::now());
  // The browser waits this many milliseconds before it reconnects.
  if (!co_await out.write("retry: 1000\n\n")) co_return;
  for (;;) {
    const bool goes_on = co_await waits_.pause(tell_every);
    if (!goes_on) co_return;
    const Moment moment;
    auto now = reader_.figures(moment.now());
    const auto verdict = judge(now);
    const auto data =
        live_json(now, before, verdict.findings, verdict.window_seconds, reader_.situation().state, moment);
    const bool is_written = co_await out.write("event: live\ndata: " + boost::json::serialize(data) + "\n\n");
    if (!is_written) co_return;
    before = std::move(now);
  }
}

}  // namespace pillion::admin
