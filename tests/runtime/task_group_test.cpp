#include "runtime/task_group.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

namespace pillion::runtime {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> steps(asio::io_context& io, int count, int& done) {
  for (int i = 0; i < count; ++i) co_await asio::post(io, asio::use_awaitable);
  ++done;
}

asio::awaitable<void> fail_with_exception() {
  throw std::runtime_error("no luck");
  co_return;
}

asio::awaitable<void> fail_strangely() {
  throw 42;  // NOLINT: what is not a std::exception must be reported too
  co_return;
}

asio::awaitable<void> join_then_note(TaskGroup& group, std::size_t& left) {
  co_await group.join();
  left = group.size();
}

class TaskGroupTest : public ::testing::Test {
 protected:
  asio::io_context io;
  std::vector<std::pair<std::string, std::string>> reports;
  TaskGroup group{io.get_executor(),
                  [this](std::string_view task, std::string_view what) { reports.emplace_back(task, what); }};
};

TEST_F(TaskGroupTest, CountsWhatRuns) {
  int done = 0;
  group.spawn(steps(io, 1, done), "short");
  group.spawn(steps(io, 5, done), "long");
  EXPECT_EQ(group.size(), 2U);
  io.run();
  EXPECT_EQ(group.size(), 0U);
  EXPECT_EQ(done, 2);
  EXPECT_TRUE(reports.empty());
}

TEST_F(TaskGroupTest, ReportsFailuresByNameAndGoesOn) {
  int done = 0;
  group.spawn(fail_with_exception(), "unlucky");
  group.spawn(fail_strangely(), "strange");
  group.spawn(steps(io, 3, done), "fine");
  EXPECT_NO_THROW(io.run());
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0], std::pair(std::string("unlucky"), std::string("no luck")));
  EXPECT_EQ(reports[1].first, "strange");
  EXPECT_EQ(done, 1);
  EXPECT_EQ(group.size(), 0U);
}

TEST_F(TaskGroupTest, WhenEmptyComesOnceAfterTheLast) {
  int done = 0;
  int called = 0;
  group.spawn(steps(io, 1, done), "short");
  group.spawn(steps(io, 5, done), "long");
  group.when_empty([&] {
    ++called;
    EXPECT_EQ(done, 2);
  });
  EXPECT_EQ(called, 0);
  io.run();
  EXPECT_EQ(called, 1);
}

TEST_F(TaskGroupTest, WhenEmptyComesAtOnceWhereNothingRuns) {
  bool called = false;
  group.when_empty([&] { called = true; });
  EXPECT_TRUE(called);
}

TEST_F(TaskGroupTest, JoinWaitsForAll) {
  int done = 0;
  std::size_t left = 99;
  group.spawn(steps(io, 5, done), "long");
  asio::co_spawn(io, join_then_note(group, left), [](const std::exception_ptr&) {});
  io.run();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(left, 0U);
}

TEST_F(TaskGroupTest, JoinEndsAtOnceWhereNothingRuns) {
  std::size_t left = 99;
  asio::co_spawn(io, join_then_note(group, left), [](const std::exception_ptr&) {});
  io.run();
  EXPECT_EQ(left, 0U);
}

}  // namespace
}  // namespace pillion::runtime
