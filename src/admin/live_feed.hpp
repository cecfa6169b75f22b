#pragma once
// Keeps the figures of the last minute for the verdict, logs changes of its findings, and sends events once a second to
// the status page and `pillion status --watch`.

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "admin/figures.hpp"
#include "admin/finding_changes.hpp"
#include "admin/shard_questions.hpp"
#include "admin/verdict.hpp"
#include "http/request.hpp"
#include "runtime/log.hpp"

namespace pillion::admin {

class LiveFeed {
 public:
  /// The length of the verdict's window, and the interval of the readings that are kept for it.
  static constexpr std::chrono::seconds window{60};
  static constexpr std::chrono::seconds keep_every{10};
  /// The interval of the events.
  static constexpr std::chrono::seconds tell_every{1};
  /// The most connections that get events at once, out of those of the HTTP server.
  static constexpr std::size_t max_listeners = 8;

  /// What the feed reads from the service.
  struct Reader {
    std::function<Figures(runtime::Time now)> figures;
    std::function<Situation()> situation;
  };
  /// `waits`, by which the feed waits, and `log` must outlive this.
  LiveFeed(ShardQuestions& waits, runtime::Log& log, Reader reader)
      : waits_(waits), log_(log), reader_(std::move(reader)) {}
  LiveFeed(const LiveFeed&) = delete;
  LiveFeed& operator=(const LiveFeed&) = delete;

  /// Keeps figures, and logs the findings that begin and end, until ShardQuestions::stop().
  [[nodiscard]] boost::asio::awaitable<void> remember();

  struct Verdict {
    std::vector<Finding> findings;  ///< the worst first; never empty
    double window_seconds = 0;      ///< the time that the verdict is about; 0 before the first reading
  };
  /// The verdict on `now` compared with the oldest reading of the window, or with itself before the first reading.
  [[nodiscard]] Verdict judge(const Figures& now) const;

  /// True if fewer than max_listeners listen.
  [[nodiscard]] bool has_room() const { return listeners_ < max_listeners; }
  /// Writes events until the client goes, or until ShardQuestions::stop(). Call only if has_room().
  [[nodiscard]] boost::asio::awaitable<void> listen(http::ResponseStream& out);

 private:
  void log_changes(const Figures& now);
  [[nodiscard]] boost::asio::awaitable<void> write_events(http::ResponseStream& out);

  ShardQuestions& waits_;
  runtime::Log& log_;
  Reader reader_;
  std::deque<Figures> kept_;  // the oldest first
  FindingChanges changes_;
  std::size_t listeners_ = 0;
};

}  // namespace pillion::admin
