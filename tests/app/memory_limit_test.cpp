#include "app/memory_limit.hpp"

#include <expected>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include <gmock/gmock.h>

#include "server/tcp_session.hpp"

namespace pillion::app {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

/// The memory if only these files exist. A file that is an error cannot be read.
CgroupMemory memory_of(const std::map<std::string, std::expected<std::string, std::string>>& files) {
  return cgroup_memory([&](const std::string& path) -> std::optional<std::expected<std::string, std::string>> {
    const auto found = files.find(path);
    if (found == files.end()) return std::nullopt;
    return found->second;
  });
}

std::optional<std::size_t> limit_of(const std::map<std::string, std::expected<std::string, std::string>>& files) {
  const auto found = memory_of(files);
  EXPECT_THAT(found.unreadable, ::testing::IsEmpty());
  return found.limit;
}

TEST(CgroupMemoryLimit, IsThatOfAContainersOwnRoot) {
  EXPECT_EQ(limit_of({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "67108864\n"}}), 64 * mebibyte);
}

TEST(CgroupMemoryLimit, IsTheLowestOnTheWayUp) {
  EXPECT_EQ(limit_of({{"/proc/self/cgroup", "0::/kubepods/pod1/abc\n"},
                      {"/sys/fs/cgroup/kubepods/pod1/abc/memory.max", "max\n"},
                      {"/sys/fs/cgroup/kubepods/pod1/memory.max", "33554432\n"},
                      {"/sys/fs/cgroup/kubepods/memory.max", "1073741824\n"}}),
            32 * mebibyte);
}

TEST(CgroupMemoryLimit, IsThatOfVersionOne) {
  EXPECT_EQ(limit_of({{"/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/a\n0::/\n"},
                      {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "67108864\n"},
                      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}),
            64 * mebibyte);
}

TEST(CgroupMemoryLimit, IsFoundAtTheRootWhereThePathIsTheHosts) {
  EXPECT_EQ(limit_of({{"/proc/self/cgroup", "4:memory:/docker/0123\n"},
                      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"}}),
            64 * mebibyte);
}

TEST(CgroupMemoryLimit, IsNoneWhereNothingSaysSo) {
  EXPECT_EQ(limit_of({}), std::nullopt);
  EXPECT_EQ(limit_of({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "max\n"}}), std::nullopt);
  EXPECT_EQ(limit_of({{"/proc/self/cgroup", "4:memory:/\n"},
                      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}),
            std::nullopt);
}

TEST(CgroupMemoryLimit, LinesOfNoSuchFormAreLeftOut) {
  EXPECT_EQ(limit_of({{"/proc/self/cgroup", "\nrubbish\n:\n4:memory\n4:memories:/\n"},
                      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"}}),
            std::nullopt);
}

TEST(CgroupMemoryLimit, AFileThatStatesNoLimitIsNamedAndPassedOver) {
  for (const auto& [content, reason] : {std::pair{"0\n", "has `0` for a limit, which is no number of bytes above 0"},
                                        {"64M\n", "has `64M` for a limit, which is no number of bytes above 0"},
                                        {"", "has `` for a limit, which is no number of bytes above 0"}}) {
    const auto found = memory_of({{"/proc/self/cgroup", "0::/a\n"},
                                  {"/sys/fs/cgroup/a/memory.max", content},
                                  {"/sys/fs/cgroup/memory.max", "67108864\n"}});
    EXPECT_EQ(found.limit, 64 * mebibyte);
    EXPECT_THAT(found.unreadable, ::testing::ElementsAre("`/sys/fs/cgroup/a/memory.max` " + std::string(reason)));
  }
  const auto found = memory_of(
      {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", std::unexpected(std::string("Is a directory"))}});
  EXPECT_EQ(found.limit, std::nullopt);
  EXPECT_THAT(found.unreadable, ::testing::ElementsAre("`/sys/fs/cgroup/memory.max` cannot be read: Is a directory"));
  const auto limit = memory_limit(config::Config{}, found, 0);
  EXPECT_EQ(limit.bytes, 256 * mebibyte);
  EXPECT_THAT(limit.warnings,
              ::testing::ElementsAre(::testing::HasSubstr("`/sys/fs/cgroup/memory.max` cannot be read")));
}

TEST(MemoryLimit, MoreThanTheCgroupsIsWarnedOf) {
  config::Config config;
  config.memory = 1024 * mebibyte;
  EXPECT_THAT(
      memory_limit(config, {.limit = 64 * mebibyte}, 0).warnings,
      ::testing::ElementsAre("memory: 1024.0 MiB is more than the control group's limit of 64.0 MiB, at which the "
                             "kernel ends the process; right would be: auto, or at most 48.0 MiB"));
  config.memory = 64 * mebibyte;
  EXPECT_THAT(memory_limit(config, {.limit = 64 * mebibyte}, 0).warnings, ::testing::IsEmpty());
  EXPECT_THAT(memory_limit(config, {}, 0).warnings, ::testing::IsEmpty());
}

TEST(MemoryLimit, AutoIsThreeQuartersOfTheCgroups) {
  const auto limit = memory_limit(config::Config{}, {.limit = 64 * mebibyte}, 11 * mebibyte);
  EXPECT_EQ(limit.bytes, 48 * mebibyte);
  EXPECT_EQ(limit.cgroup, 64 * mebibyte);
  EXPECT_FALSE(limit.is_tight);
  const auto divided = std::accumulate(limit.division.begin(), limit.division.end(), std::size_t{0});
  EXPECT_LE(divided, 37 * mebibyte);
  EXPECT_GT(divided, 36 * mebibyte);
}

TEST(MemoryLimit, AutoWithoutACgroupIs256MiB) {
  const auto limit = memory_limit(config::Config{}, {}, 11 * mebibyte);
  EXPECT_EQ(limit.bytes, 256 * mebibyte);
  EXPECT_EQ(limit.cgroup, std::nullopt);
}

TEST(MemoryLimit, WhatIsConfiguredIsTheLimit) {
  config::Config config;
  config.memory = 100 * mebibyte;
  EXPECT_EQ(memory_limit(config, {.limit = 64 * mebibyte}, 0).bytes, 100 * mebibyte);
}

std::size_t connections_in(std::size_t memory, std::optional<std::size_t> cgroup) {
  config::Config config;
  config.memory = memory;
  const auto limit = memory_limit(config, {.limit = cgroup}, 12 * mebibyte);
  return server::TcpSession::count_in(limit.division[runtime::MemoryUse::connections]);
}

TEST(MemoryLimit, LeavesAsManyConnectionsAsTheKernelHasMemoryFor) {
  using server::TcpSession;
  for (const std::size_t cgroup : {32 * mebibyte, 64 * mebibyte, 256 * mebibyte}) {
    const auto connections = connections_in(0, cgroup);
    EXPECT_LE(connections * TcpSession::kernel_cost, cgroup / 4);
    EXPECT_GT(connections * TcpSession::kernel_cost, cgroup / 8);
  }
  EXPECT_GT(connections_in(48 * mebibyte, std::nullopt), connections_in(48 * mebibyte, 64 * mebibyte));
  // Nothing is left for the kernel.
  EXPECT_GT(connections_in(64 * mebibyte, 64 * mebibyte), 0U);
}

TEST(MemoryLimit, WhatConnectionsDoNotNeedIsForAnswers) {
  const auto sum = [](const MemoryLimit& limit) {
    return limit.division[runtime::MemoryUse::connections] + limit.division[runtime::MemoryUse::output];
  };
  config::Config config;
  config.memory = 48 * mebibyte;
  EXPECT_EQ(sum(memory_limit(config, {.limit = 64 * mebibyte}, 0)), sum(memory_limit(config, {}, 0)));
}

TEST(MemoryLimit, OneThatLeavesNothingIsSaidToBeTight) {
  const auto limit = memory_limit(config::Config{}, {.limit = 16 * mebibyte}, 11 * mebibyte);
  EXPECT_TRUE(limit.is_tight);
  EXPECT_GT(limit.division[runtime::MemoryUse::queries], 0U);
}

TEST(MemoryLimit, TheCachesOfAllThreadsAreOne) {
  config::Config config;
  config.cache.size = 2 * mebibyte;
  config.threads = 4;
  EXPECT_EQ(memory_limit(config, {}, 0).division[runtime::MemoryUse::cache], 8 * mebibyte);
}

TEST(MemoryLimit, ThreadsThatDoNotFitAreFewer) {
  config::Config config;
  const auto fitting = [&](std::uint32_t threads, std::size_t cgroup) {
    config.threads = threads;
    return fitting_threads(config, {.limit = cgroup});
  };
  EXPECT_EQ(fitting(256, 64 * mebibyte), 8U);
  EXPECT_EQ(fitting(64, 32 * mebibyte), 2U);
  EXPECT_EQ(fitting(4, 64 * mebibyte), 4U);
  EXPECT_EQ(fitting(4, 8 * mebibyte), 1U);
  EXPECT_EQ(fitting(256, 1024 * mebibyte), 171U);
  config.memory = 1024 * mebibyte;
  EXPECT_EQ(fitting(256, 64 * mebibyte), 11U) << "the cgroup's limit counts where `memory` is above it";
  config.memory = 0;
  EXPECT_THAT(memory_limit(config, {.limit = 64 * mebibyte}, 0).warnings,
              ::testing::ElementsAre("threads: 256 are more than fit into the memory; 8 will run"));
}

TEST(MemoryLimit, IsDescribedForPeople) {
  const auto text = describe(memory_limit(config::Config{}, {.limit = 64 * mebibyte}, 11 * mebibyte), "# ");
  EXPECT_TRUE(text.starts_with("# 48.0 MiB, three quarters of the cgroup's 64.0 MiB, of which\n")) << text;
  EXPECT_NE(text.find("#   program        11.0 MiB\n"), std::string::npos) << text;
  EXPECT_NE(text.find("#   cache           4.0 MiB\n"), std::string::npos) << text;
  EXPECT_NE(text.find("#   walks           4.1 MiB\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace pillion::app
