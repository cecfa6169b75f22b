#include "app/inotify.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "support/temporary_directory.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;

// A log file beside the configuration, and a directory in which other programs work.
TEST(Inotify, OneWhoWritesToAnotherFileAllTheTimeDoesNotKeepTheLoopBusy) {
  const test::TemporaryDirectory directory;
  boost::asio::io_context io(1);
  Inotify inotify(io, [] {});
  ASSERT_FALSE(inotify.watch({{directory.path(), {"pillion.yaml"}}}));
  std::atomic<bool> goes_on = true;
  std::jthread writer([&] {
    while (goes_on) {
      // Two names in turn, so that the kernel does not merge events.
      std::ofstream(directory.path() / "a.log", std::ios::app) << "line\n";
      std::ofstream(directory.path() / "b.log", std::ios::app) << "line\n";
    }
  });
  const auto start = std::chrono::steady_clock::now();
  const std::size_t handlers = io.run_for(1s);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  goes_on = false;
  // One call for the events and one for the pause, every tenth of a second.
  EXPECT_LE(handlers, 2 * static_cast<std::size_t>(elapsed / 100ms) + 2);
  EXPECT_GE(handlers, 2U);
  inotify.stop();
  io.restart();
  io.run();
}

}  // namespace
}  // namespace pillion::app
