#include "telemetry/logger.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace pillion::telemetry {
namespace {

using runtime::LogLevel;

TEST(Logger, WritesWhatIsEnabledAndDrainsAtItsEnd) {
  std::vector<std::string> lines;
  {
    Logger logger({.level = LogLevel::info}, [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
    logger.debug("too low");
    for (int i = 0; i < 100; ++i) logger.info("line", {{"i", i}});
    logger.set_level(LogLevel::debug);
    logger.debug("now enabled", {{"name", std::string("a temporary")}});
    EXPECT_TRUE(logger.enabled(LogLevel::debug));
  }
  ASSERT_EQ(lines.size(), 101U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(boost::json::parse(lines[static_cast<std::size_t>(i)]).at("i").as_int64(), i);
  }
  EXPECT_EQ(boost::json::parse(lines.back()).at("name").as_string(), "a temporary");
}

TEST(Logger, TextFormat) {
  std::string out;
  {
    Logger logger({.format = LineFormat::text}, [&](std::string_view line) {
      out += line;
      return true;
    });
    logger.warn("draining", {{"clients", 3}});
  }
  EXPECT_NE(out.find(" WARN  draining clients=3\n"), std::string::npos) << out;
}

class Copies final : public LineReceiver {
 public:
  void take(LogLevel level, std::chrono::system_clock::time_point /*time*/, std::string_view line) override {
    levels.push_back(level);
    lines.emplace_back(line);
  }
  [[nodiscard]] std::uint64_t written() const override { return lines.size(); }
  [[nodiscard]] std::uint64_t dropped() const override { return 0; }

  std::vector<LogLevel> levels;
  std::vector<std::string> lines;
};

TEST(Logger, AReceiverHasTheSameLinesWithTheirLevels) {
  std::vector<std::string> lines;
  Copies copies;
  {
    Logger logger({.level = LogLevel::info}, [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
    EXPECT_EQ(logger.receiver(), nullptr);
    logger.copy_to(&copies);
    EXPECT_EQ(logger.receiver(), &copies);
    logger.debug("too low");
    logger.info("one", {{"i", 1}});
    logger.error("two");
    logger.copy_to(nullptr);
    logger.info("three");
  }
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(copies.lines, (std::vector<std::string>{lines[0], lines[1]}));
  EXPECT_EQ(copies.levels, (std::vector<LogLevel>{LogLevel::info, LogLevel::error}));
}

TEST(Logger, AStuckSinkCostsTheOldestLinesAndNoCallerWaits) {
  std::latch entered(1);
  std::latch release(1);
  std::vector<std::string> lines;
  std::uint64_t dropped = 0;
  {
    Logger logger({.format = LineFormat::text, .queue_lines = 8}, [&](std::string_view line) {
      if (lines.empty()) {
        entered.count_down();
        release.wait();
      }
      lines.emplace_back(line);
      return true;
    });
    logger.info("first");
    entered.wait();
    for (int i = 0; i < 100; ++i) logger.info("line", {{"i", i}});  // would never return if it waited
    dropped = logger.dropped();
    release.count_down();
  }
  EXPECT_EQ(dropped, 92U);
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_NE(lines[1].find("i=92\n"), std::string::npos);
  EXPECT_NE(lines[8].find("i=99\n"), std::string::npos);
}

TEST(Logger, LinesTheSinkRefusesAreCounted) {
  std::latch refused(3);
  Logger logger({}, [&](std::string_view) {
    refused.count_down();
    return false;
  });
  for (int i = 0; i < 3; ++i) logger.info("line");
  refused.wait();
  while (logger.dropped() < 3) std::this_thread::yield();
  EXPECT_EQ(logger.dropped(), 3U);
}

TEST(Logger, ManyThreadsWriteWholeLines) {
  std::vector<std::string> lines;
  {
    Logger logger({.queue_lines = 10'000}, [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&logger, t] {
        for (int i = 0; i < 500; ++i) logger.info("line", {{"thread", t}, {"i", i}});
      });
    }
    threads.clear();
    EXPECT_EQ(logger.dropped(), 0U);
  }
  ASSERT_EQ(lines.size(), 2000U);
  std::array<int, 4> next{};
  for (const auto& line : lines) {
    const auto parsed = boost::json::parse(line);
    EXPECT_EQ(parsed.at("i").as_int64(), next.at(static_cast<std::size_t>(parsed.at("thread").as_int64()))++);
  }
}

class Pipe : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  void TearDown() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  std::string read_some() {
    std::string out(1 << 20, '\0');
    out.resize(static_cast<std::size_t>(::read(ends_[0], out.data(), out.size())));
    return out;
  }
  std::array<int, 2> ends_{};
};

TEST_F(Pipe, DescriptorSinkWritesWholeLines) {
  const auto sink = descriptor_sink(ends_[1], 0);
  const std::string line = std::string(10'000, 'x') + "\n";
  EXPECT_TRUE(sink(line));
  EXPECT_TRUE(sink("short\n"));
  EXPECT_EQ(read_some(), line + "short\n");
}

TEST_F(Pipe, DescriptorSinkRefusesWhileNobodyReadsAndThenGoesOn) {
  const auto sink = descriptor_sink(ends_[1], 0);
  const std::string line = std::string(9'999, 'x') + "\n";
  std::size_t accepted = 0;
  while (accepted < 1000 && sink(line)) ++accepted;
  ASSERT_LT(accepted, 1000U) << "a pipe nobody reads never filled";
  EXPECT_FALSE(sink(line));
  const auto first = read_some();
  EXPECT_GE(first.size(), accepted * line.size());
  EXPECT_TRUE(sink("after\n"));
  EXPECT_EQ(read_some(), "\nafter\n") << "the torn line is ended before the next begins";
}

}  // namespace
}  // namespace pillion::telemetry
