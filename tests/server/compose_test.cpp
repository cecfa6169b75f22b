#include "server/compose.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dns/message_builder.hpp"

namespace pillion::server {
namespace {

using dns::testing::bytes_of;
using dns::testing::joined;
using dns::testing::MessageBuilder;
using dns::testing::name_of;
using dns::testing::option_of;
using dns::testing::pointer_to;
using dns::testing::Section;

constexpr std::uint16_t answer_flags = dns::flag::qr | dns::flag::rd | dns::flag::ra;
constexpr std::uint32_t dnssec_ok = 0x8000;

const dns::Buffer extended_error = option_of(dns::option::extended_error, joined({{0, 3}, bytes_of("stale")}));

MessageBuilder good_answer() {
  MessageBuilder message(answer_flags);
  message.question("www.example").record(Section::answer, pointer_to(12), dns::type::a, {192, 0, 2, 1});
  return message;
}

/// An upstream's reply in the form that the resolver passes on.
class Prepared {
 public:
  explicit Prepared(const dns::Buffer& reply) {
    const auto view = dns::MessageView::parse(reply).value();
    const auto& question = view.question();
    EXPECT_TRUE(prepared_.prepare({.name = question.name, .type = question.type, .klass = question.klass}, view, {}));
  }
  [[nodiscard]] resolve::Answer answer() const {
    return {.source = resolve::Source::upstream,
            .message = dns::MessageView::parse(prepared_.wire()).value(),
            .rcode = prepared_.rcode(),
            .extended_errors = prepared_.extended_errors()};
  }

 private:
  cache::Preparation prepared_{0x5eed};
};

/// Composes an answer and parses it.
class Composition {
 public:
  Composition(const dns::Buffer& query, const dns::Buffer& reply, const dns::OurEdns& ours = {},
              std::size_t limit = dns::max_message_size)
      : Composition(query, Prepared(reply), ours, limit) {}
  Composition(const dns::Buffer& query, const Prepared& reply, const dns::OurEdns& ours, std::size_t limit)
      : Composition(query, reply.answer(), ours, limit) {}
  Composition(const dns::Buffer& query, const resolve::Answer& answer, const dns::OurEdns& ours = {},
              std::size_t limit = dns::max_message_size) {
    const auto view = dns::parse_query(query, {}).value();
    // The buffer already has other bytes, like in a batch.
    out.assign(prefix, 0xEE);
    result = compose_answer(answer, view, ours, limit, out);
    message = {out.begin() + prefix, out.end()};
  }

  [[nodiscard]] dns::MessageView view() const { return dns::MessageView::parse(message).value(); }
  [[nodiscard]] dns::Edns edns() const { return dns::read_edns(view()); }

  static constexpr int prefix = 5;
  dns::Buffer out;
  dns::Buffer message;
  Composed result;
};

dns::Buffer query(std::string_view name = "www.example") {
  return MessageBuilder().set_u16(0, 0x4321).question(name).bytes();
}
dns::Buffer query_with_edns(std::uint32_t ttl = 0, const dns::Buffer& options = {}) {
  return MessageBuilder().set_u16(0, 0x4321).question("www.example").opt(options, ttl).bytes();
}

TEST(Compose, GivesTheClientItsId) {
  const Composition composed(query(), good_answer().bytes());
  EXPECT_EQ(composed.view().header().id(), 0x4321);
  EXPECT_EQ(composed.view().header().answers(), 1);
  EXPECT_EQ(composed.result.rcode, dns::rcode::noerror);
  EXPECT_FALSE(composed.result.truncated);
}

TEST(Compose, TakesTheUpstreamsEdnsOutForAClientWithout) {
  const Composition composed(query(), good_answer().opt(option_of(dns::option::padding, dns::Buffer(100))).bytes());
  EXPECT_FALSE(composed.edns().present);
  EXPECT_EQ(composed.view().header().additionals(), 0);
  EXPECT_EQ(composed.message, good_answer().set_u16(0, 0x4321).bytes());
}

TEST(Compose, AnswersEdnsAsOurOwn) {
  const Composition composed(query_with_edns(),
                             good_answer().opt(option_of(dns::option::padding, dns::Buffer(100))).bytes(),
                             {.udp_payload = 1400});
  const auto edns = composed.edns();
  EXPECT_TRUE(edns.present);
  EXPECT_EQ(edns.udp_payload, 1400);
  EXPECT_FALSE(edns.dnssec_ok);
  EXPECT_TRUE(edns.options.empty()) << "the padding was between us and the upstream";
}

TEST(Compose, AddsEdnsWhereTheUpstreamHasNone) {
  const Composition composed(query_with_edns(dnssec_ok), good_answer().bytes());
  EXPECT_TRUE(composed.edns().present);
  EXPECT_TRUE(composed.edns().dnssec_ok);
}

TEST(Compose, DnssecOkIsTheClients) {
  const Composition without(query_with_edns(), good_answer().opt({}, dnssec_ok).bytes());
  EXPECT_FALSE(without.edns().dnssec_ok);
  const Composition with(query_with_edns(dnssec_ok), good_answer().opt().bytes());
  EXPECT_TRUE(with.edns().dnssec_ok);
}

TEST(Compose, PassesExtendedErrorsOnAndNothingElse) {
  const auto options =
      joined({option_of(dns::option::nsid, {1, 2}), extended_error, option_of(dns::option::tcp_keepalive, {0, 50}),
              option_of(dns::option::extended_error, {0, 22})});
  const Composition composed(query_with_edns(), good_answer().opt(options).bytes());
  const auto expected = joined({extended_error, option_of(dns::option::extended_error, {0, 22})});
  const auto found = composed.edns().options;
  EXPECT_EQ(dns::Buffer(found.begin(), found.end()), expected);
}

TEST(Compose, TellsTheIdleTimeoutToWhoAsked) {
  const Composition composed(query_with_edns(), good_answer().bytes(), {.keepalive = 600});
  EXPECT_EQ(dns::keepalive_timeout(composed.edns().options), 600);
  const Composition without(query(), good_answer().bytes(), {.keepalive = 600});
  EXPECT_FALSE(without.edns().present);
}

TEST(Compose, RepeatsTheLetterCaseOfTheClient) {
  const Composition composed(query("wWw.ExAmPlE"), good_answer().bytes());
  const auto name = composed.view().question().name;
  EXPECT_EQ(dns::to_text(name), "wWw.ExAmPlE.");
  EXPECT_EQ(composed.view().header().answers(), 1);
}

TEST(Compose, TruncatesWhatIsOverTheLimit) {
  auto message = good_answer();
  for (int i = 0; i < 40; ++i) message.record(Section::answer, pointer_to(12), dns::type::a, {192, 0, 2, 2});
  const auto size = Composition(query("wWw.example"), message.bytes()).message.size();

  const Composition whole(query("wWw.example"), message.bytes(), {}, size);
  EXPECT_FALSE(whole.result.truncated);
  EXPECT_EQ(whole.message.size(), size);

  const Composition cut(query("wWw.example"), message.bytes(), {}, size - 1);
  EXPECT_TRUE(cut.result.truncated);
  EXPECT_TRUE(cut.view().header().is_truncated());
  EXPECT_EQ(cut.view().header().id(), 0x4321);
  EXPECT_EQ(cut.view().header().answers(), 40) << "all but the last";
  EXPECT_EQ(dns::to_text(cut.view().question().name), "wWw.example.");
  EXPECT_FALSE(cut.edns().present);
  EXPECT_EQ(cut.out[Composition::prefix - 1], 0xEE) << "what was there before stays";

  const Composition with_edns(query_with_edns(dnssec_ok), message.bytes(), {.udp_payload = 1232}, 512);
  EXPECT_TRUE(with_edns.edns().present);
  EXPECT_TRUE(with_edns.edns().dnssec_ok);
  EXPECT_LE(with_edns.message.size(), 512U);
  EXPECT_GT(with_edns.message.size(), 512U - 16) << "as many records as fit beside the OPT";
  EXPECT_EQ(with_edns.view().header().additionals(), 1);
}

TEST(Compose, AnswersGoBeforeTheUpstreamsWordsOnErrors) {
  auto message = good_answer();
  for (int i = 0; i < 10; ++i) message.record(Section::answer, pointer_to(12), dns::type::a, {192, 0, 2, 2});
  message.opt(option_of(dns::option::extended_error, dns::Buffer(50)));
  const auto whole = Composition(query_with_edns(), message.bytes()).message.size();
  const Composition composed(query_with_edns(), message.bytes(), {}, whole - 1);
  EXPECT_FALSE(composed.result.truncated);
  EXPECT_EQ(composed.view().header().answers(), 11);
  EXPECT_EQ(composed.view().header().additionals(), 1);
  EXPECT_FALSE(dns::find_option(composed.edns().options, dns::option::extended_error));
}

TEST(Compose, Rfc2181AuthorityThatDoesNotFitIsNoTruncation) {
  auto message = good_answer();
  for (int i = 0; i < 20; ++i)
    message.record(Section::authority, {0}, dns::type::ns,
                   name_of("ns." + std::string(40, static_cast<char>('a' + i)) + ".example"));
  const Composition plain(query(), message.bytes(), {}, 512);
  EXPECT_FALSE(plain.result.truncated);
  EXPECT_FALSE(plain.view().header().is_truncated());
  EXPECT_EQ(plain.view().header().answers(), 1);
  // RFC 4035 3.1.1: they may include a proof.
  const Composition validating(query_with_edns(dnssec_ok), message.bytes(), {}, 512);
  EXPECT_TRUE(validating.view().header().is_truncated());
}

TEST(Compose, Rfc1035OnlyRdAndCdAreTheQuerys) {
  constexpr std::uint16_t z = 0x0040;
  // The upstream copied neither bit, and set the bit that must be zero.
  auto reply = good_answer();
  reply.set_u16(2, dns::flag::qr | dns::flag::aa | z);
  const auto asked = MessageBuilder(dns::flag::rd | dns::flag::cd | z).question("www.example").bytes();
  EXPECT_EQ(Composition(asked, reply.bytes()).view().header().flags(),
            dns::flag::qr | dns::flag::aa | dns::flag::rd | dns::flag::ra | dns::flag::cd);
  const auto without = MessageBuilder(0).question("www.example").bytes();
  EXPECT_EQ(Composition(without, good_answer().bytes()).view().header().flags(), dns::flag::qr | dns::flag::ra);
}

TEST(Compose, Rfc7830PadsToTheBlock) {
  for (const auto& options : {dns::Buffer{}, extended_error}) {
    const Composition composed(query_with_edns(), good_answer().opt(options).bytes(), {.padding = 468});
    EXPECT_EQ(composed.message.size(), 468U);
    EXPECT_TRUE(dns::find_option(composed.edns().options, dns::option::padding));
  }
  const Composition error(query_with_edns(), resolve::Answer{.rcode = dns::rcode::refused}, {.padding = 468});
  EXPECT_EQ(error.message.size(), 468U);
}

TEST(Compose, PassesTheUpstreamsTruncationOn) {
  const Composition composed(query(), MessageBuilder(answer_flags | dns::flag::tc).question("www.example").bytes());
  EXPECT_TRUE(composed.view().header().is_truncated());
}

TEST(Compose, ExtendedRcodesNeedEdns) {
  // 16 + 7: BADCOOKIE (23), upper bits 1.
  const auto message = MessageBuilder(answer_flags | 7U).question("www.example").opt({}, 1U << 24U).bytes();
  const Composition with(query_with_edns(), message);
  EXPECT_EQ(with.result.rcode, 23);
  EXPECT_EQ(with.edns().extended_rcode, 1);
  EXPECT_EQ(with.view().header().rcode(), 7);
  const Composition without(query(), message);
  EXPECT_EQ(without.result.rcode, dns::rcode::servfail) << "its lower four bits alone would say something else";
  EXPECT_EQ(without.view().header().rcode(), dns::rcode::servfail);
}

TEST(Compose, ErrorsSayWhy) {
  const resolve::Answer failure{
      .message = {}, .rcode = dns::rcode::servfail, .info_code = 23, .text = "certificate expired at 192.0.2.1:853"};
  const Composition composed(query_with_edns(), failure);
  EXPECT_EQ(composed.result.rcode, dns::rcode::servfail);
  EXPECT_EQ(composed.view().header().rcode(), dns::rcode::servfail);
  const auto option = dns::find_option(composed.edns().options, dns::option::extended_error).value();
  EXPECT_EQ(dns::Buffer(option.begin(), option.end()), joined({{0, 23}, bytes_of(failure.text)}));
  const Composition plain(query(), failure);
  EXPECT_FALSE(plain.edns().present);
  EXPECT_EQ(plain.view().header().rcode(), dns::rcode::servfail);
}

TEST(Compose, ErrorsWithoutATextHaveNoExtendedError) {
  const Composition composed(query_with_edns(),
                             resolve::Answer{.message = {}, .rcode = dns::rcode::formerr, .text = {}});
  EXPECT_EQ(composed.view().header().rcode(), dns::rcode::formerr);
  EXPECT_TRUE(composed.edns().options.empty());
}

TEST(Compose, SignedAnswersPassAsTheyAre) {
  const auto signature = joined({name_of("hmac-sha256"), dns::Buffer(6), {0, 0, 0, 0}, {0x99, 0x99}, {0, 0, 0, 0}});
  const auto signed_query =
      MessageBuilder()
          .set_u16(0, 0x4321)
          .question("www.example")
          .record(Section::additional, name_of("key"), dns::type::tsig, signature, 0, dns::klass::any)
          .bytes();
  ASSERT_TRUE(dns::parse_query(signed_query, {}).value().message.is_signed());
  auto message = good_answer()
                     .opt(extended_error)
                     .record(Section::additional, name_of("key"), dns::type::tsig, signature, 0, dns::klass::any);
  const auto passed_on = [](const dns::Buffer& reply) {
    return resolve::Answer{.source = resolve::Source::upstream, .message = dns::MessageView::parse(reply).value()};
  };
  const Composition composed(signed_query, passed_on(message.bytes()), {.keepalive = 600});
  EXPECT_EQ(composed.message, message.set_u16(0, 0x4321).bytes()) << "but for the id";

  const auto too_long = message.bytes().size() - 1;
  const Composition cut(signed_query, passed_on(message.bytes()), {}, too_long);
  EXPECT_TRUE(cut.result.truncated);
  EXPECT_LE(cut.message.size(), too_long);
  EXPECT_TRUE(cut.view().header().is_truncated());
  EXPECT_EQ(cut.view().header().id(), 0x4321);
}

}  // namespace
}  // namespace pillion::server
