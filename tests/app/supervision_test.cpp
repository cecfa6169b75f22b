// The decisions of a supervisor, and the messages between it and its worker.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "app/handover.hpp"
#include "app/restart_policy.hpp"
#include "app/socket_passing.hpp"
#include "server/bound_address.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;

TEST(RestartBackoff, DoublesUpToASecond) {
  RestartBackoff backoff;
  for (const auto expected : {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms})
    EXPECT_EQ(backoff.next(50ms), expected);
}

TEST(RestartBackoff, BeginsAnewAfterAWorkerThatLived) {
  RestartBackoff backoff;
  for (int i = 0; i < 5; ++i) static_cast<void>(backoff.next(999ms));
  EXPECT_EQ(backoff.next(999ms), 640ms) << "not long enough";
  EXPECT_EQ(backoff.next(1s), 20ms);
  EXPECT_EQ(backoff.next(0ms), 40ms);
}

/// Statuses in the form of waitpid(2).
constexpr int exited(int code) {
  return code << 8;
}
constexpr int signalled(int number, bool core_dumped = false) {
  return number | (core_dumped ? 0x80 : 0);
}

TEST(ExitCodeAfter, AnExitIsPassedOn) {
  for (const bool ending : {false, true}) {
    for (const int code : {0, 1, 3, 255}) EXPECT_EQ(exit_code_after(exited(code), ending), code);
  }
}

TEST(ExitCodeAfter, ASignalIsFollowedByAnotherWorkerUnlessTheEndIsWanted) {
  for (const int number : {SIGKILL, SIGSEGV, SIGABRT, SIGBUS, SIGTERM}) {
    for (const bool core_dumped : {false, true}) {
      EXPECT_EQ(exit_code_after(signalled(number, core_dumped), false), std::nullopt);
      EXPECT_EQ(exit_code_after(signalled(number, core_dumped), true), 128 + number);
    }
  }
}

TEST(HandoverText, IsReadBack) {
  const Handover handover{.report = -1,
                          .supervisor = 4711,
                          .sockets = {5, 6, 8},
                          .channel = 4,
                          .restarts = 12345678901234567890U,
                          .ended_by = SIGSEGV,
                          .lived_ms = 1500};
  const auto text = to_text(handover);
  EXPECT_EQ(
      text,
      "supervisor=4711 socket=5 socket=6 socket=8 channel=4 restarts=12345678901234567890 ended_by=11 lived_ms=1500");
  const auto read = parse_handover(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->report, -1);
  EXPECT_EQ(read->supervisor, 4711);
  EXPECT_EQ(read->sockets, handover.sockets);
  EXPECT_EQ(read->channel, 4);
  EXPECT_EQ(read->restarts, handover.restarts);
  EXPECT_EQ(read->ended_by, SIGSEGV);
  EXPECT_EQ(read->lived_ms, 1500U);
  EXPECT_EQ(to_text({.report = 0}), "report=0");
  EXPECT_EQ(parse_handover("report=0")->report, 0);
  EXPECT_EQ(to_text({}), "");
}

TEST(HandoverText, IsRefusedWhereItIsNotOfItsForm) {
  for (const auto* const text : {"socket", "socket=", "socket=x", "socket=-1", "socket=1x", "socket=99999999999",
                                 "unknown=1", "=1", "socket=1  socket=2", "restarts=-1"}) {
    EXPECT_FALSE(parse_handover(text)) << text;
  }
}

TEST(TakeHandover, TakesItOutOfTheEnvironment) {
  ASSERT_EQ(::setenv(handover_variable, "supervisor=1", 1), 0);  // NOLINT(concurrency-mt-unsafe)
  const auto handover = take_handover();
  ASSERT_TRUE(handover);
  EXPECT_EQ(handover->supervisor, 1);
  EXPECT_EQ(std::getenv(handover_variable), nullptr);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_FALSE(take_handover());
}

class SocketPassing : public ::testing::Test {
 protected:
  SocketPassing() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    receiver = runtime::UniqueDescriptor(ends[0]);
    sender = runtime::UniqueDescriptor(ends[1]);
  }

  runtime::UniqueDescriptor receiver, sender;
};

TEST_F(SocketPassing, DescriptorsArriveInTheirOrder) {
  std::array<std::array<int, 2>, 3> pipes{};
  for (auto& ends : pipes) {
    ASSERT_EQ(::pipe(ends.data()), 0);
    ASSERT_TRUE(send_descriptor(sender.get(), ends[1]));
  }
  ASSERT_TRUE(send_end(sender.get()));
  const auto received = receive_descriptors(receiver.get());
  ASSERT_TRUE(received);
  ASSERT_EQ(received->size(), pipes.size());
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    const char sent = static_cast<char>('a' + i);
    ASSERT_EQ(::write((*received)[i], &sent, 1), 1);
    char byte = 0;
    ASSERT_EQ(::read(pipes[i][0], &byte, 1), 1);
    EXPECT_EQ(byte, sent);
    for (const int descriptor : {(*received)[i], pipes[i][0], pipes[i][1]}) ::close(descriptor);
  }
}

TEST_F(SocketPassing, TakesWhatHasComeAndDoesNotWaitForMore) {
  EXPECT_FALSE(take_descriptor(receiver.get()));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  for (const int descriptor : ends) ASSERT_TRUE(send_descriptor(sender.get(), descriptor));
  for (const int descriptor : ends) {
    const auto passed = take_descriptor(receiver.get());
    ASSERT_TRUE(passed);
    EXPECT_EQ(passed->there, descriptor);
    EXPECT_NE(passed->here, descriptor);
    EXPECT_NE(::fcntl(passed->here, F_GETFD) & FD_CLOEXEC, 0);
    ::close(passed->here);
    ::close(descriptor);
  }
  EXPECT_FALSE(take_descriptor(receiver.get()));
  sender = {};
  EXPECT_FALSE(take_descriptor(receiver.get())) << "nobody sends any more";
}

TEST_F(SocketPassing, WhereThereIsNoRoomForOneTheNextIsTaken) {
  ASSERT_TRUE(send_descriptor(sender.get(), STDIN_FILENO));
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_FALSE(take_descriptor(receiver.get()));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_TRUE(send_descriptor(sender.get(), STDERR_FILENO));
  const auto passed = take_descriptor(receiver.get());
  ASSERT_TRUE(passed);
  EXPECT_EQ(passed->there, STDERR_FILENO);
  ::close(passed->here);
}

TEST_F(SocketPassing, WithoutAnEndNothingIsTaken) {
  ASSERT_TRUE(send_descriptor(sender.get(), STDERR_FILENO));
  sender = {};
  EXPECT_EQ(receive_descriptors(receiver.get()).error(), EPIPE);
}

TEST_F(SocketPassing, ADescriptorThatDoesNotFitIsAnError) {
  ASSERT_TRUE(send_descriptor(sender.get(), STDERR_FILENO));
  ASSERT_TRUE(send_end(sender.get()));
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto received = receive_descriptors(receiver.get());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error(), EMFILE);
}

}  // namespace
}  // namespace pillion::app
