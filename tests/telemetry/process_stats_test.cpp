#include "telemetry/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <string_view>

#include <gtest/gtest.h>

namespace pillion::telemetry {
namespace {

constexpr std::string_view stat_line =
    "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1 2 3 4 55 66 7 8 20 0 3 0 987654 123456789 2048 18446744073709551615 1 "
    "1 0\n";

TEST(ProcessStats, ParsesStatWhateverTheProgramIsCalled) {
  const auto fields = parse_stat(stat_line);
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->start_ticks, 987654U);
  EXPECT_EQ(fields->virtual_bytes, 123456789U);
  EXPECT_EQ(fields->resident_pages, 2048);
}

TEST(ProcessStats, RefusesWhatIsNotAStatLine) {
  EXPECT_FALSE(parse_stat(""));
  EXPECT_FALSE(parse_stat("no parenthesis"));
  EXPECT_FALSE(parse_stat("1 (x)"));
  EXPECT_FALSE(parse_stat(stat_line.substr(0, stat_line.find(" 2048"))));
  EXPECT_FALSE(parse_stat("1 (x) S a b c d e f g h i j k l m n o p q r s t u v w"));
}

TEST(ProcessStats, ParsesTheBootTime) {
  EXPECT_EQ(parse_boot_time("cpu  1 2 3\nctxt 5\nbtime 1700000000\nprocesses 7\n"), 1700000000U);
  EXPECT_FALSE(parse_boot_time("cpu 1\n"));
  EXPECT_FALSE(parse_boot_time("cpu 1\nbtime x\n"));
}

TEST(ProcessStats, ReadsThisProcess) {
  const auto before = read_process_stats();
  EXPECT_GT(before.cpu_seconds, 0);
  EXPECT_GT(before.resident_bytes, 1 << 20);
  EXPECT_GT(before.virtual_bytes, before.resident_bytes);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur != RLIM_INFINITY) {
    EXPECT_EQ(before.max_descriptors, static_cast<double>(limit.rlim_cur));
  }
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_GT(before.start_time, now - 3600 * 24);
  EXPECT_LT(before.start_time, now + 60);

  const int extra = ::dup(0);
  EXPECT_EQ(read_process_stats().open_descriptors, before.open_descriptors + 1);
  ::close(extra);
}

}  // namespace
}  // namespace pillion::telemetry
