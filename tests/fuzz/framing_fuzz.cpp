// Framing: the messages of a stream do not depend on how it is cut into reads, and are those that a simple loop finds.
// The input's first byte is the number of the following bytes that are sizes of reads; the rest is the stream.

#include <algorithm>
#include <vector>

#include "dns/framing.hpp"
#include "dns/message.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/oracle.hpp"

namespace pillion::fuzz {
namespace {

using dns::Buffer;
using dns::Bytes;

struct Read {
  std::vector<Buffer> messages;
  Buffer rest;
};

Read read_plainly(Bytes stream) {
  Read read;
  std::size_t i = 0;
  while (stream.size() - i >= 2) {
    const auto size = std::size_t{stream[i]} * 256 + stream[i + 1];
    if (stream.size() - i - 2 < size) break;
    const auto message = stream.subspan(i + 2, size);
    read.messages.emplace_back(message.begin(), message.end());
    i += 2 + size;
  }
  read.rest.assign(stream.begin() + static_cast<std::ptrdiff_t>(i), stream.end());
  return read;
}

// Reads like a session: it keeps an incomplete message, and appends the next bytes.
Read read_in_pieces(Bytes stream, Bytes sizes) {
  Read read;
  std::size_t piece = 0;
  while (!stream.empty()) {
    const auto wanted = sizes.empty() ? stream.size() : std::size_t{1} + sizes[piece++ % sizes.size()];
    const auto size = std::min(wanted, stream.size());
    dns::append(read.rest, stream.first(size));
    stream = stream.subspan(size);

    dns::Frames frames(read.rest);
    while (const auto message = frames.next()) read.messages.emplace_back(message->begin(), message->end());
    require(frames.rest().size() < frames.needed(), "what is left is less than one frame");
    read.rest = Buffer(frames.rest().begin(), frames.rest().end());
  }
  return read;
}

Buffer frame_again(const Read& read) {
  Buffer stream;
  for (const auto& message : read.messages) {
    const auto start = dns::begin_frame(stream);
    dns::append(stream, message);
    dns::end_frame(stream, start);
  }
  dns::append(stream, read.rest);
  return stream;
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pillion;
  const dns::Bytes input(data, size);
  if (input.empty()) return 0;
  const auto sizes = input.subspan(1, std::min<std::size_t>(input[0], input.size() - 1));
  const auto stream = input.subspan(1 + sizes.size());

  const auto read = fuzz::read_in_pieces(stream, sizes);
  const auto plain = fuzz::read_plainly(stream);
  fuzz::require(read.messages == plain.messages, "the same messages");
  fuzz::require(read.rest == plain.rest, "the same rest");
  fuzz::require(std::ranges::equal(fuzz::frame_again(read), stream), "framed again, the same stream");

  for (const auto& message : read.messages) {
    const auto view = dns::MessageView::parse(message);
    const auto packet = fuzz::read_packet(message);
    if (view && packet) fuzz::require(ldns_pkt_id(packet.get()) == view->header().id(), "the messages that ldns sees");
  }
  return 0;
}
