#include "dns/ttl.hpp"

#include <gmock/gmock.h>

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

using ::testing::ElementsAreArray;

std::vector<std::uint32_t> ttls_of(Bytes message) {
  std::vector<std::uint32_t> ttls;
  for_each_ttl(MessageView::parse(message).value(), [&](std::size_t offset, std::uint32_t ttl) {
    EXPECT_EQ(effective_ttl(read_u32(message, offset)), ttl);
    ttls.push_back(ttl);
  });
  return ttls;
}

// The TTL field of OPT holds flags and must not be changed.
Buffer answer(const std::vector<std::uint32_t>& ttls) {
  MessageBuilder message(flag::qr);
  message.question("a.example");
  constexpr Section sections[] = {Section::answer, Section::authority, Section::additional};
  for (std::size_t i = 0; i < ttls.size(); ++i) {
    message.record(sections[i * 3 / ttls.size()], pointer_to(12), type::a, test_address, ttls[i]);
  }
  return message.opt({}, 5).bytes();
}

TEST(Ttl, TheTopBitMeansZero) {
  EXPECT_EQ(effective_ttl(0), 0U);
  EXPECT_EQ(effective_ttl(0x7FFFFFFF), 0x7FFFFFFFU);
  EXPECT_EQ(effective_ttl(0x80000000), 0U);
  EXPECT_EQ(effective_ttl(0xFFFFFFFF), 0U);
}

TEST(Ttl, VisitsAllSectionsButNotOpt) {
  EXPECT_THAT(ttls_of(answer({300, 20, 0x80000001, 7})), ElementsAreArray({300U, 20U, 0U, 7U}));
  EXPECT_TRUE(ttls_of(answer({})).empty());
}

TEST(Ttl, TheSmallest) {
  const auto smallest = [](const Buffer& message) { return smallest_ttl(MessageView::parse(message).value()); };
  EXPECT_EQ(smallest(answer({})), std::nullopt);
  EXPECT_EQ(smallest(answer({300, 20, 40})), 20U);
  EXPECT_EQ(smallest(answer({300, 0x90000000})), 0U);
  EXPECT_EQ(smallest(answer({0x7FFFFFFF})), 0x7FFFFFFFU);
}

TEST(Ttl, AgesDownToZero) {
  const auto aged = [](std::uint32_t age) {
    const auto message = answer({300, 20, 0xFFFFFFFF, 0x7FFFFFFF});
    auto copy = message;
    age_ttls(MessageView::parse(message).value(), copy, age);
    EXPECT_EQ(MessageView::parse(copy).value().opt()->ttl, 5U);
    return ttls_of(copy);
  };
  EXPECT_THAT(aged(0), ElementsAreArray({300U, 20U, 0U, 0x7FFFFFFFU}));
  EXPECT_THAT(aged(1), ElementsAreArray({299U, 19U, 0U, 0x7FFFFFFEU}));
  EXPECT_THAT(aged(20), ElementsAreArray({280U, 0U, 0U, 0x7FFFFFFFU - 20}));
  EXPECT_THAT(aged(21), ElementsAreArray({279U, 0U, 0U, 0x7FFFFFFFU - 21}));
  EXPECT_THAT(aged(0xFFFFFFFF), ElementsAreArray({0U, 0U, 0U, 0U}));
}

TEST(Ttl, AgingTouchesNothingElse) {
  const auto message = answer({300, 20});
  auto aged = message;
  age_ttls(MessageView::parse(message).value(), aged, 10);
  EXPECT_THAT(aged, ElementsAreArray(answer({290, 10})));
}

}  // namespace
}  // namespace pillion::dns::testing
