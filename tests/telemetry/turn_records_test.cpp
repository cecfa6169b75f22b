#include "telemetry/turn_records.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "support/silent_log.hpp"
#include "support/temporary_directory.hpp"
#include "telemetry/line_outputs.hpp"

namespace pillion::telemetry {
namespace {

/// Writes the records as they are.
class PlainEncoder final : public RecordEncoder {
 public:
  void set_time(std::chrono::steady_clock::time_point /*steady*/,
                std::chrono::system_clock::time_point /*system*/) override {}
  void take(RecordRing& ring, std::size_t limit, RecordBatch& batch) override {
    take_each(ring, limit, batch,
              [&](std::span<const std::uint8_t> record) { batch.bytes.append(record.begin(), record.end()); });
  }
};

class TurnRecordsTest : public ::testing::Test {
 protected:
  void put(std::string_view text) {
    ASSERT_TRUE(records_.admits(RecordRing::alignment));
    std::ranges::copy(text, records_.begin(text.size()).begin());
    records_.commit();
  }
  [[nodiscard]] std::string written() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "records";
  pillion::testing::SilentLog log_;
  std::optional<runtime::Loop> loop_{std::in_place, log_};
  std::optional<RecordSink> sink_{
      std::in_place, RecordSink::Options{.name = "test", .thread_name = "test", .address = "somewhere", .queue = 1024},
      std::make_unique<PlainEncoder>(), file_output(path_), log_};
  TurnRecords records_{*sink_, 0, *loop_};
};

TEST_F(TurnRecordsTest, TheSinkWritesTheRecordsOfEachTurn) {
  boost::asio::post(loop_->io(), [&] {
    put("one ");
    put("two ");
    boost::asio::post(loop_->io(), [&] { put("three "); });
  });
  loop_->run();
  // The time limit of ctest bounds this.
  while (sink_->written() < 3) std::this_thread::yield();
  EXPECT_EQ(written(), "one two three ");
  EXPECT_EQ(sink_->dropped(), 0U);
}

TEST_F(TurnRecordsTest, ATurnThatHasNoEndLosesNothing) {
  put("one ");
  put("two");
  loop_.reset();
  sink_.reset();
  EXPECT_EQ(written(), "one two");
}

}  // namespace
}  // namespace pillion::telemetry
