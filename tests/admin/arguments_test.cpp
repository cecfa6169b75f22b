#include "admin/arguments.hpp"

#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "dns/name.hpp"

namespace pillion::admin {
namespace {

using testing::HasSubstr;

http::RequestTarget target(std::string_view query) {
  return http::parse_target("/x?" + std::string(query)).value();
}

TEST(Arguments, UnknownAndRepeatedParametersAreRefused) {
  EXPECT_TRUE(check_parameters(target("a=1"), {"a", "b"}));
  EXPECT_THAT(check_parameters(target("c=1"), {"a", "b"}).error(), HasSubstr("allowed: a, b"));
  EXPECT_THAT(check_parameters(target("a=1&a=2"), {"a", "b"}).error(), HasSubstr("a is given twice"));
}

TEST(Arguments, Numbers) {
  EXPECT_EQ(read_number(target("top=10"), "top", 1, 1000, 0), 10U);
  EXPECT_EQ(read_number(target("x"), "top", 1, 1000, 7), 7U);
  for (const auto* wrong : {"top=0", "top=1001", "top=", "top=-1", "top=1x", "top=99999999999999999999"})
    EXPECT_THAT(read_number(target(wrong), "top", 1, 1000, 0).error(), HasSubstr("from 1 to 1000")) << wrong;
}

TEST(Arguments, Questions) {
  const auto question = read_question(target("name=www.Example.com&type=aaaa&do=true")).value();
  EXPECT_EQ(dns::to_text(question.name), "www.Example.com.");
  EXPECT_EQ(question.type, 28U);
  EXPECT_TRUE(question.dnssec_ok);
  EXPECT_FALSE(question.checking_disabled);
  EXPECT_EQ(read_question(target("name=.")).value().type, 1U);
  EXPECT_THAT(read_question(target("type=A")).error(), HasSubstr("name is missing"));
  EXPECT_THAT(read_question(target("name=a..b")).error(), HasSubstr("name: "));
  EXPECT_THAT(read_question(target("name=a&type=nonsense")).error(), HasSubstr("type is not a record type"));
  EXPECT_THAT(read_question(target("name=a&do=1")).error(), HasSubstr("do must be true or false"));
}

TEST(Arguments, Flushes) {
  EXPECT_TRUE(read_flush(R"({"all": true})").value().all);
  const auto zone = read_flush(R"({"zone": "example.com"})").value();
  EXPECT_TRUE(zone.with_beneath);
  EXPECT_FALSE(zone.all);
  EXPECT_EQ(dns::to_text(zone.name), "example.com.");
  EXPECT_FALSE(read_flush(R"({"name": "example.com"})").value().with_beneath);
  for (const auto* wrong : {"", "{}", "[]", "null", R"({"all": false})", R"({"all": true, "name": "a"})",
                            R"({"name": 1})", R"({"name": "a..b"})", R"({"names": "a"})", R"({"all": true} x)"}) {
    EXPECT_FALSE(read_flush(wrong)) << wrong;
  }
}

TEST(Arguments, LogLevels) {
  EXPECT_EQ(read_log_level(R"({"level": "debug"})"), runtime::LogLevel::debug);
  EXPECT_EQ(read_log_level(R"({"level": "error"})"), runtime::LogLevel::error);
  for (const auto* wrong : {"", "{}", R"({"level": "loud"})", R"({"level": 1})", R"({"level": "info", "x": 1})"})
    EXPECT_THAT(read_log_level(wrong).error(), testing::Not(testing::IsEmpty())) << wrong;
}

}  // namespace
}  // namespace pillion::admin
