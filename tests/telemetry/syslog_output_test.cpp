#include "telemetry/syslog_output.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/unique_descriptor.hpp"
#include "telemetry/syslog_header.hpp"

namespace pillion::telemetry {
namespace {

RecordBatch batch_of(const std::vector<std::string>& records) {
  RecordBatch batch;
  for (const auto& record : records) {
    batch.bytes += record;
    batch.ends.push_back(batch.bytes.size());
  }
  return batch;
}

TEST(SyslogHeader, IsOfRfc5424) {
  const SyslogHeader header("web-0", 7, "query");
  EXPECT_EQ(SyslogHeader::before_time(runtime::LogLevel::debug), "<31>1 ");
  EXPECT_EQ(SyslogHeader::before_time(runtime::LogLevel::info), "<30>1 ");
  EXPECT_EQ(SyslogHeader::before_time(runtime::LogLevel::warn), "<28>1 ");
  EXPECT_EQ(SyslogHeader::before_time(runtime::LogLevel::error), "<27>1 ");
  EXPECT_EQ(header.behind_time(), " web-0 pillion 7 query - ");
}

TEST(SyslogHeader, HasNoSpaceWithinAWordAndNoneTooLong) {
  EXPECT_EQ(SyslogHeader("a b\n\xff", 1, "log").behind_time(), " a?b?? pillion 1 log - ");
  EXPECT_EQ(SyslogHeader("", 1, "log").behind_time(), " - pillion 1 log - ");
  EXPECT_EQ(SyslogHeader(std::string(300, 'h'), 1, "log").behind_time(),
            " " + std::string(255, 'h') + " pillion 1 log - ");
}

/// A UDP socket on its own port.
class Receiver {
 public:
  Receiver() : socket_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    endpoint_ = {.address = "127.0.0.1", .port = ntohs(address.sin_port)};
  }
  [[nodiscard]] const config::Endpoint& endpoint() const { return endpoint_; }
  /// Waits; the time limit of ctest bounds this.
  [[nodiscard]] std::string receive() const {
    std::array<char, 512> bytes{};
    const auto size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    return size < 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(size));
  }

 private:
  runtime::UniqueDescriptor socket_;
  config::Endpoint endpoint_;
};

class SyslogOutputTest : public testing::Test {
 protected:
  EventDescriptor stop_;
  SinkWaits waits_{stop_};
};

TEST_F(SyslogOutputTest, EachRecordIsADatagramWithoutItsNewline) {
  const Receiver receiver;
  const auto output = syslog_datagram_output(receiver.endpoint());
  ASSERT_TRUE(output->open(waits_));
  std::vector<std::string> records;
  for (int i = 0; i < 100; ++i) records.push_back("record " + std::to_string(i) + "\n");
  const auto written = output->write(batch_of(records), 1, waits_);
  EXPECT_EQ(written.records, 99U);
  EXPECT_EQ(written.error, "");
  for (int i = 1; i < 100; ++i) EXPECT_EQ(receiver.receive(), "record " + std::to_string(i));
}

TEST_F(SyslogOutputTest, ACollectorThatIsNotThereIsAnError) {
  config::Endpoint gone;
  {
    const Receiver receiver;
    gone = receiver.endpoint();
  }
  const auto output = syslog_datagram_output(gone);
  const auto batch = batch_of({"record\n"});
  std::string error;
  // The kernel reports the error for a later datagram.
  while (error.empty()) {
    ASSERT_TRUE(output->open(waits_));
    error = output->write(batch, 0, waits_).error;
  }
  EXPECT_EQ(error, "Connection refused");
  EXPECT_TRUE(output->open(waits_));
}

/// The data that a syslog server has got, over consecutive connections, of which connection n ends after `lengths[n]`
/// bytes.
struct Connections {
  std::vector<std::size_t> lengths;
  std::vector<std::string> got = {};
  bool was_closed = false;
};

class ScriptedStream final : public ByteStream {
 public:
  explicit ScriptedStream(Connections& connections) : connections_(connections), index_(connections.got.size()) {
    connections.got.emplace_back();
  }
  bool is_open() override { return connections_.got[index_].size() < connections_.lengths[index_]; }
  std::expected<std::size_t, std::string> write_some(std::string_view bytes, SinkWaits& /*waits*/) override {
    auto& got = connections_.got[index_];
    const auto size = std::min({bytes.size(), connections_.lengths[index_] - got.size(), std::size_t{3}});
    if (size == 0) return std::unexpected("ended");
    got += bytes.substr(0, size);
    return size;
  }
  void close(SinkWaits& /*waits*/) override { connections_.was_closed = true; }

 private:
  Connections& connections_;
  std::size_t index_;
};

TEST_F(SyslogOutputTest, OverAStreamEachRecordStandsBehindItsSizeAndIsSentAgainIfItWasCut) {
  Connections connections{.lengths = {9, 1000}};
  const auto output =
      syslog_stream_output([&](SinkWaits& /*waits*/) { return std::make_unique<ScriptedStream>(connections); });
  const auto batch = batch_of({"first\n", "second\n", "the third\n"});
  ASSERT_TRUE(output->open(waits_));
  const auto written = output->write(batch, 0, waits_);
  EXPECT_EQ(written.records, 1U);
  EXPECT_EQ(written.error, "ended");
  EXPECT_EQ(connections.got.at(0), "5 first6 ");
  ASSERT_TRUE(output->open(waits_));
  const auto rest = output->write(batch, 1, waits_);
  EXPECT_EQ(rest.records, 2U);
  EXPECT_EQ(rest.error, "");
  EXPECT_EQ(connections.got.at(1), "6 second9 the third");
  output->close(waits_);
  EXPECT_TRUE(connections.was_closed);
}

TEST_F(SyslogOutputTest, ACollectorThatEndsTheStreamAtOnceIsAnErrorBeforeAnotherIsOpened) {
  Connections connections{.lengths = {7, 7}};
  const auto output =
      syslog_stream_output([&](SinkWaits& /*waits*/) { return std::make_unique<ScriptedStream>(connections); });
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(output->open(waits_));
    EXPECT_EQ(output->write(batch_of({"12345\n"}), 0, waits_).records, 1U);
    const auto ended = output->open(waits_);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error(), "the server has closed the connection");
  }
  EXPECT_EQ(connections.got, (std::vector<std::string>{"5 12345", "5 12345"}));
}

}  // namespace
}  // namespace pillion::telemetry
