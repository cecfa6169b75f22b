#include "telemetry/record_sink.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <utility>

#include <pthread.h>

namespace pillion::telemetry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t batch_size = std::size_t{64} << 10U;  // bytes
/// The sink writes records of this period together. The period also limits how often a writer has to wake the thread.
constexpr milliseconds gather_for{10};
constexpr milliseconds shortest_back_off{100};
constexpr milliseconds longest_back_off{5000};
constexpr std::chrono::minutes between_reports{1};

/// What is added to the thread's nice value. Where processors are short, the threads that answer queries get about nine
/// times as much of one as the sink (sched(7)).
constexpr int niceness = 10;

/// Only the main thread handles signals.
void prepare_thread(const std::string& name) {
  // Applies to this thread alone. If it fails, the thread has the priority of the others.
  [[maybe_unused]] const int value = ::nice(niceness);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), name.c_str());
}

}  // namespace

RecordSink::RecordSink(Options options, std::unique_ptr<RecordEncoder> encoder, std::unique_ptr<RecordOutput> output,
                       runtime::Log& log)
    : options_(std::move(options)),
      encoder_(std::move(encoder)),
      output_(std::move(output)),
      log_(log),
      back_off_(shortest_back_off) {
  for (std::size_t i = 0; i < options_.writers; ++i)
    rings_.push_back(std::make_unique<RecordRing>(options_.queue / options_.writers));
  batch_.bytes.reserve(2 * batch_size);
  thread_ = std::jthread([this] { run(); });
}

RecordSink::~RecordSink() {
  for (auto& ring : rings_) ring->publish();
  stop_.set();
  thread_.join();
}

std::uint64_t RecordSink::dropped() const {
  auto dropped = dropped_.value();
  for (const auto& ring : rings_) dropped += ring->dropped();
  return dropped;
}

void RecordSink::run() {
  prepare_thread(options_.thread_name);
  try {
    for (;;) {
      if (next_ == batch_.size()) fill();
      if (batch_.size() > 0) {
        deliver();
        if (next_ < batch_.size() && waits_.is_ending()) break;
      } else if (waits_.is_ending()) {
        break;
      } else {
        await_records();
      }
    }
    output_->close(waits_);
  } catch (const std::exception& error) {
    // A fault of the program, or no memory. Queries go on; the sink writes no further records.
    log_.error("writing has ended because of an error", {{"what", options_.name}, {"error", error.what()}});
  }
  drop_rest();
}

void RecordSink::fill() {
  batch_.clear();
  next_ = 0;
  encoder_->set_time(std::chrono::steady_clock::now(), std::chrono::system_clock::now());
  for (auto& ring : rings_) {
    // No writer can take more than its part of a batch from the others.
    const auto limit = batch_.bytes.size() + batch_size / rings_.size();
    encoder_->take(*ring, limit, batch_);
  }
}

void RecordSink::await_records() {
  wakeup_.fall_asleep();
  const bool is_empty = std::ranges::all_of(rings_, [](const auto& ring) { return ring->front().data() == nullptr; });
  if (is_empty) waits_.await(wakeup_.event());
  wakeup_.wake();
  waits_.pause(gather_for);
}

void RecordSink::deliver() {
  const auto opened = output_->open(waits_);
  std::string error;
  if (!opened) {
    error = opened.error();
  } else {
    auto written = output_->write(batch_, next_, waits_);
    next_ += written.records;
    written_.add(written.records);
    error = std::move(written.error);
  }
  const auto now = std::chrono::steady_clock::now();
  if (error.empty()) {
    // An output that works and fails in turns is not tried more and more often.
    if (now - last_failure_ > longest_back_off) back_off_ = shortest_back_off;
    if (std::exchange(is_failing_, false)) {
      log_.info("writing again", {{"what", options_.name}, {"to", options_.address}});
    }
    return;
  }
  report(error);
  last_failure_ = now;
  waits_.pause(back_off_);
  back_off_ = std::min(back_off_ * 2, longest_back_off);
}

void RecordSink::report(const std::string& error) {
  ++failures_;
  const auto now = std::chrono::steady_clock::now();
  if (reported_at_ && now - *reported_at_ < between_reports) return;
  log_.warn("cannot write",
            {{"what", options_.name}, {"to", options_.address}, {"error", error}, {"failures", failures_}});
  is_failing_ = true;
  failures_ = 0;
  reported_at_ = now;
}

void RecordSink::drop_rest() {
  dropped_.add(batch_.size() - next_);
  for (auto& ring : rings_) {
    for (; ring->front().data() != nullptr; ring->pop()) dropped_.add();
  }
}

}  // namespace pillion::telemetry
