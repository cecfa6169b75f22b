#include "app/listen_addresses.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "app/reload_outcome.hpp"

namespace pillion::app {
namespace {

const ListenAddresses both{.dns = {{"127.0.0.1", 53}, {"::1", 53}}, .http = {{"0.0.0.0", 9153}}};

TEST(ListenAddresses, AreNotKnownBeforeTheyAreWritten) {
  const ReloadOutcome outcome;
  EXPECT_EQ(read_listen_addresses(outcome.descriptor()), std::nullopt);
}

TEST(ListenAddresses, AreReadAsTheyWereWrittenLast) {
  const ReloadOutcome outcome;
  for (const auto& addresses : {both, ListenAddresses{}, ListenAddresses{.dns = {{"::", 65535}}, .http = {}}, both}) {
    EXPECT_TRUE(write_listen_addresses(outcome.descriptor(), addresses));
    EXPECT_EQ(read_listen_addresses(outcome.descriptor()), addresses);
  }
}

TEST(ListenAddresses, LieBesideWhatReloadsSay) {
  ReloadOutcome outcome;
  write_listen_addresses(outcome.descriptor(), both);
  const std::string text(ReloadOutcome::max_text, 'x');
  for (int i = 0; i < 2; ++i) {
    outcome.begin();
    outcome.end(true, text);
  }
  EXPECT_EQ(read_listen_addresses(outcome.descriptor()), both);
  write_listen_addresses(outcome.descriptor(), {});
  EXPECT_EQ(read_reload_report(outcome.descriptor())->text, text);
}

TEST(ListenAddresses, AreTheNextWorkersWhereItInheritsTheFile) {
  const ReloadOutcome first;
  write_listen_addresses(first.descriptor(), both);
  const ReloadOutcome second(::dup(first.descriptor()));
  EXPECT_EQ(read_listen_addresses(second.descriptor()), both) << "until it has written its own";
  write_listen_addresses(second.descriptor(), {});
  EXPECT_EQ(read_listen_addresses(first.descriptor()), ListenAddresses{});
}

TEST(ListenAddresses, AreAsManyAsAConfigurationHas) {
  const ReloadOutcome outcome;
  const config::Endpoint longest{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 65535};
  const ListenAddresses most{.dns = std::vector(16, longest), .http = std::vector(2, longest)};
  EXPECT_TRUE(write_listen_addresses(outcome.descriptor(), most));
  EXPECT_EQ(read_listen_addresses(outcome.descriptor()), most);
  const ListenAddresses more{.dns = std::vector(100, longest), .http = {}};
  EXPECT_FALSE(write_listen_addresses(outcome.descriptor(), more));
  EXPECT_EQ(read_listen_addresses(outcome.descriptor()), most);
}

TEST(ListenAddresses, PassOverWordsThatAreNotKnown) {
  const ReloadOutcome outcome;
  write_listen_addresses(outcome.descriptor(), {.dns = {{"127.0.0.1", 53}}, .http = {{"127.0.0.1", 80}}});
  // Changes the word of the first line, whose text begins after the two headers and the first slot.
  constexpr auto text = static_cast<off_t>(ReloadOutcome::size + 16 + (4U << 10U));
  ASSERT_EQ(::pwrite(outcome.descriptor(), "dnt", 3, text), 3);
  EXPECT_EQ(read_listen_addresses(outcome.descriptor()), (ListenAddresses{.dns = {}, .http = {{"127.0.0.1", 80}}}));
}

TEST(ListenAddresses, CannotBeWrittenByWhoeverReadsThem) {
  const ReloadOutcome outcome;
  const auto link = "/proc/self/fd/" + std::to_string(outcome.descriptor());
  const runtime::UniqueDescriptor reader(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(write_listen_addresses(reader.get(), both));
}

TEST(ListenAddresses, AreReadWholeWhileTheyAreWritten) {
  const ReloadOutcome outcome;
  const auto of = [](std::uint16_t number) {
    return ListenAddresses{.dns = std::vector<config::Endpoint>(1 + number % 16, {"127.0.0.1", number}), .http = {}};
  };
  write_listen_addresses(outcome.descriptor(), of(1));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::uint16_t number = 1; number <= 20'000; ++number) write_listen_addresses(outcome.descriptor(), of(number));
    done = true;
  });
  while (!done) {
    const auto addresses = read_listen_addresses(outcome.descriptor());
    if (!addresses) continue;  // written to at each look
    EXPECT_EQ(*addresses, of(addresses->dns.front().port));
  }
  writer.join();
  EXPECT_EQ(read_listen_addresses(outcome.descriptor()), of(20'000));
}

}  // namespace
}  // namespace pillion::app
