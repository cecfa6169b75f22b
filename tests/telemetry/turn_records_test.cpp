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
#include "telemetry/line_encoder.hpp"
#include "telemetry/line_outputs.hpp"

namespace pillion::telemetry {
namespace {

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
      std::make_unique<LineEncoder>(), file_output(path_), log_};
  TurnRecords records_{*sink_, 0, *loop_};
};

TEST_F(TurnRecordsTest, TheSinkWritesTheRecordsOfEachTurn) {
  boost::asio::post(loop_->io(), [&] {
    put("one");
    put("two");
    boost::asio::post(loop_->io(), [&] { put("three"); });
  });
  loop_->run();
  // The time limit of ctest bounds this.
  while (sink_->written() < 3) std::this_thread::yield();
  EXPECT_EQ(written(), "one\ntwo\nthree\n");
  EXPECT_EQ(sink_->dropped(), 0U);
}

TEST_F(TurnRecordsTest, ATurnThatHasNoEndLosesNothing) {
  put("one");
  put("two");
  loop_.reset();
  sink_.reset();
  EXPECT_EQ(written(), "one\ntwo\n");
}

}  // namespace
}  // namespace pillion::telemetry
