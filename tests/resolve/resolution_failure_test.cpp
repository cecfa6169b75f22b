#include "resolve/resolution_failure.hpp"

#include <gtest/gtest.h>

#include "dns/message_builder.hpp"
#include "upstream/error.hpp"

namespace pillion::resolve {
namespace {

using dns::testing::MessageBuilder;
using dns::testing::Section;
using upstream::Error;

class ResolutionFailureTest : public ::testing::Test {
 protected:
  void refuse(std::size_t server, std::uint16_t rcode, const dns::Buffer& rdata = {0}) {
    MessageBuilder message(static_cast<std::uint16_t>(dns::flag::qr | rcode));
    message.question("www.example").record(Section::additional, {0}, 65'280, rdata);
    failure.note_refusal(server, {.message = dns::MessageView::parse(message.bytes()).value(), .rcode = rcode});
  }

  ResolutionFailure failure;
  std::string text;
};

TEST_F(ResolutionFailureTest, WithoutANoteItIsATimeout) {
  EXPECT_FALSE(failure.has_refusal());
  EXPECT_FALSE(failure.explains(0));
  const auto answer = failure.answer("a", text);
  EXPECT_EQ(answer.rcode, dns::rcode::servfail);
  EXPECT_EQ(answer.text, std::string(upstream::traits(Error::timeout).text) + " at a");
}

TEST_F(ResolutionFailureTest, TheLastErrorIsTheReason) {
  failure.note_error(0, Error::connect_refused);
  failure.note_error(1, Error::certificate_name);
  EXPECT_FALSE(failure.explains(0));
  EXPECT_TRUE(failure.explains(1));
  EXPECT_EQ(failure.server(), 1U);
  const auto answer = failure.answer("b", text);
  EXPECT_EQ(answer.rcode, upstream::traits(Error::certificate_name).rcode);
  EXPECT_EQ(answer.info_code, upstream::traits(Error::certificate_name).info_code);
  EXPECT_EQ(answer.text, std::string(upstream::traits(Error::certificate_name).text) + " at b");
  EXPECT_FALSE(answer.message);
}

TEST_F(ResolutionFailureTest, TheFirstRefusalComesBeforeAnyError) {
  refuse(2, dns::rcode::servfail);
  refuse(1, dns::rcode::refused);
  failure.note_error(0, Error::reset);
  EXPECT_TRUE(failure.has_refusal());
  EXPECT_EQ(failure.server(), 2U);
  const auto answer = failure.answer("c", text);
  EXPECT_EQ(answer.rcode, dns::rcode::servfail);
  ASSERT_TRUE(answer.message);
  EXPECT_EQ(answer.message->header().rcode(), dns::rcode::servfail);
  EXPECT_EQ(answer.text, "");
}

TEST_F(ResolutionFailureTest, OfALongRefusalOnlyTheCodeIsKept) {
  refuse(0, dns::rcode::refused, dns::Buffer(1233));
  const auto answer = failure.answer("a", text);
  EXPECT_EQ(answer.rcode, dns::rcode::refused);
  EXPECT_FALSE(answer.message);
}

TEST_F(ResolutionFailureTest, IsForgottenForTheNextQuestion) {
  refuse(2, dns::rcode::servfail);
  failure.note_error(1, Error::reset);
  failure.recycle();
  EXPECT_FALSE(failure.has_refusal());
  EXPECT_FALSE(failure.explains(1));
  EXPECT_EQ(failure.server(), 0U);
  EXPECT_EQ(failure.answer("a", text).text, std::string(upstream::traits(Error::timeout).text) + " at a");
}

}  // namespace
}  // namespace pillion::resolve
