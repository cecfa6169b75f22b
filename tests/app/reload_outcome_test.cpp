#include "app/reload_outcome.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace pillion::app {
namespace {

/// Opens the file like another process.
runtime::UniqueDescriptor opened(const ReloadOutcome& outcome) {
  const auto link = "/proc/self/fd/" + std::to_string(outcome.descriptor());
  return runtime::UniqueDescriptor(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
}

ReloadReport report_of(const ReloadOutcome& outcome) {
  const auto file = opened(outcome);
  const auto report = read_reload_report(file.get());
  if (!report) throw std::runtime_error("cannot be read");
  return *report;
}

ReloadReport finished(std::uint64_t count, bool succeeded, const std::string& text) {
  return {.started = count, .finished = count, .succeeded = succeeded, .text = text};
}

TEST(ReloadOutcome, BeginsWithNoReload) {
  const ReloadOutcome outcome;
  EXPECT_EQ(report_of(outcome), ReloadReport{});
}

TEST(ReloadOutcome, HasItsNameInProc) {
  const ReloadOutcome outcome;
  char link[64] = {};
  const auto path = "/proc/self/fd/" + std::to_string(outcome.descriptor());
  ASSERT_GT(::readlink(path.c_str(), link, sizeof link - 1), 0);
  EXPECT_STREQ(link, "/memfd:pillion-reload (deleted)");
}

TEST(ReloadOutcome, TellsTheOneThatFinishedLastWhileAnotherIsUnderWay) {
  ReloadOutcome outcome;
  EXPECT_TRUE(outcome.begin());
  EXPECT_EQ(report_of(outcome), (ReloadReport{.started = 1, .finished = 0, .succeeded = false, .text = ""}));
  EXPECT_TRUE(outcome.end(true, "taken\n"));
  EXPECT_EQ(report_of(outcome), finished(1, true, "taken\n"));
  EXPECT_TRUE(outcome.begin());
  EXPECT_EQ(report_of(outcome), (ReloadReport{.started = 2, .finished = 1, .succeeded = true, .text = "taken\n"}));
  EXPECT_TRUE(outcome.end(false, "f.yaml:1:1: wrong\n"));
  EXPECT_EQ(report_of(outcome), finished(2, false, "f.yaml:1:1: wrong\n"));
}

TEST(ReloadOutcome, AShorterTextReplacesALongerOne) {
  ReloadOutcome outcome;
  for (const std::string text : {"a long text", "another long text", "short", ""}) {
    outcome.begin();
    outcome.end(true, text);
    EXPECT_EQ(report_of(outcome).text, text);
  }
}

TEST(ReloadOutcome, CutsATextThatIsTooLong) {
  ReloadOutcome outcome;
  const std::string text(ReloadOutcome::max_text, 'x');
  for (int i = 0; i < 2; ++i) {
    outcome.begin();
    EXPECT_TRUE(outcome.end(false, text + "y"));
    EXPECT_EQ(report_of(outcome).text, text);
  }
}

TEST(ReloadOutcome, WhoeverInheritsItGoesOnCounting) {
  ReloadOutcome first;
  first.begin();
  first.end(true, "taken\n");
  ReloadOutcome second(::dup(first.descriptor()));
  EXPECT_EQ(report_of(second), finished(1, true, "taken\n"));
  second.begin();
  second.end(true, "taken again\n");
  EXPECT_EQ(report_of(first), finished(2, true, "taken again\n"));
}

TEST(ReloadOutcome, WhoeverInheritsItEndsWhatWasUnderWay) {
  ReloadOutcome first;
  first.begin();
  const ReloadOutcome second(::dup(first.descriptor()));
  EXPECT_EQ(report_of(second), finished(1, false, "the process ended while it read the configuration\n"));
}

TEST(ReloadOutcome, IsNoOtherFile) {
  EXPECT_THROW(ReloadOutcome(::open("/dev/null", O_RDWR | O_CLOEXEC)), std::runtime_error);
  const runtime::UniqueDescriptor other(::memfd_create("other", MFD_CLOEXEC));
  EXPECT_FALSE(read_reload_report(other.get()));
  ASSERT_EQ(::ftruncate(other.get(), 4096), 0);
  EXPECT_FALSE(read_reload_report(other.get()));
}

TEST(ReloadOutcome, CannotBeWrittenByWhoeverReadsIt) {
  ReloadOutcome outcome;
  const auto file = opened(outcome);
  ReloadOutcome reader(::dup(file.get()));
  EXPECT_FALSE(reader.begin());
}

TEST(ReloadOutcome, IsReadWholeWhileItIsWritten) {
  // Each text consists of the number of its reload, and its length follows from that.
  const auto text_of = [](std::uint64_t reload) {
    return std::string(1 + reload * 7919 % ReloadOutcome::max_text, static_cast<char>('a' + reload % 26));
  };
  ReloadOutcome outcome;
  const auto file = opened(outcome);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::uint64_t reload = 1; reload <= 3000; ++reload) {
      outcome.begin();
      outcome.end(reload % 2 == 0, text_of(reload));
    }
    done = true;
  });
  std::uint64_t seen = 0;
  while (!done) {
    const auto report = read_reload_report(file.get());
    if (!report || report->finished == 0) continue;
    EXPECT_EQ(report->text, text_of(report->finished));
    EXPECT_EQ(report->succeeded, report->finished % 2 == 0);
    EXPECT_GE(report->finished, seen);
    seen = report->finished;
  }
  writer.join();
  EXPECT_EQ(report_of(outcome), finished(3000, true, text_of(3000)));
}

}  // namespace
}  // namespace pillion::app
