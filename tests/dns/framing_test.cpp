#include "dns/framing.hpp"

#include <gmock/gmock.h>

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

using ::testing::ElementsAreArray;

Buffer framed(const std::vector<Buffer>& messages) {
  Buffer stream;
  for (const auto& message : messages) {
    const auto start = begin_frame(stream);
    append(stream, message);
    end_frame(stream, start);
  }
  return stream;
}

// Reads a stream as a session does: keeps an incomplete message and appends what is read next.
std::vector<Buffer> read_in_pieces(Bytes stream, const std::vector<std::size_t>& cuts) {
  std::vector<Buffer> messages;
  Buffer kept;
  std::size_t start = 0;
  auto ends = cuts;
  ends.push_back(stream.size());
  for (const auto end : ends) {
    append(kept, stream.subspan(start, end - start));
    start = end;
    Frames frames(kept);
    while (const auto message = frames.next()) messages.emplace_back(message->begin(), message->end());
    EXPECT_GT(frames.needed(), frames.rest().size());
    kept = Buffer(frames.rest().begin(), frames.rest().end());
  }
  EXPECT_TRUE(kept.empty());
  return messages;
}

TEST(Frames, EverySplitOfAStreamGivesTheSameMessages) {
  const std::vector<Buffer> messages = {{1, 2, 3}, {}, Buffer(17, 9), {0}, Buffer(5, 0xFF), {}};
  const auto stream = framed(messages);
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); ++second) {
      ASSERT_THAT(read_in_pieces(stream, {first, second}), ElementsAreArray(messages)) << first << ' ' << second;
    }
  }
}

TEST(Frames, ByteByByte) {
  const std::vector<Buffer> messages = {Buffer(300, 1), Buffer(1, 2), {}};
  const auto stream = framed(messages);
  std::vector<std::size_t> cuts(stream.size());
  for (std::size_t i = 0; i < cuts.size(); ++i) cuts[i] = i;
  EXPECT_THAT(read_in_pieces(stream, cuts), ElementsAreArray(messages));
}

TEST(Frames, SaysHowManyBytesAreNeeded) {
  EXPECT_EQ(Frames(Bytes()).needed(), 2U);
  EXPECT_EQ(Frames(Buffer{1}).needed(), 2U);
  EXPECT_EQ(Frames(Buffer{0, 0}).needed(), 2U);
  EXPECT_EQ(Frames(Buffer{1, 0}).needed(), 258U);
  EXPECT_EQ(Frames(Buffer{0xFF, 0xFF, 1}).needed(), 65537U);
}

TEST(Frames, TheLargestMessage) {
  const auto stream = framed({Buffer(max_message_size, 7), {1}});
  Frames frames(stream);
  EXPECT_EQ(frames.next().value().size(), max_message_size);
  EXPECT_EQ(frames.next().value().size(), 1U);
  EXPECT_FALSE(frames.next());
  EXPECT_FALSE(frames.next());
}

TEST(Framing, FramesAreBuiltBehindWhatIsThere) {
  Buffer out = {42};
  const auto start = begin_frame(out);
  EXPECT_EQ(start, 3U);
  append(out, Buffer(258, 1));
  end_frame(out, start);
  EXPECT_EQ(out[0], 42);
  EXPECT_EQ(read_u16(out, 1), 258);
}

}  // namespace
}  // namespace pillion::dns::testing
