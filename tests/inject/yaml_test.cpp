#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inject/yaml_documents.hpp"
#include "inject/yaml_scalar.hpp"
#include "inject/yaml_writer.hpp"

namespace pillion::inject {
namespace {

json::value only(const std::string& yaml) {
  const auto documents = read_documents(yaml);
  EXPECT_TRUE(documents) << documents.error();
  return documents && documents->size() == 1 ? documents->front().value : json::value("not one document");
}

std::string yaml_error(const std::string& yaml) {
  const auto documents = read_documents(yaml);
  return documents ? "none" : documents.error();
}

TEST(YamlScalar, IsWhatKubernetesTakesItFor) {
  EXPECT_EQ(*resolve_plain("yes"), json::value(true));
  EXPECT_EQ(*resolve_plain("Off"), json::value(false));
  EXPECT_TRUE(resolve_plain("~")->is_null());
  EXPECT_EQ(*resolve_plain("0644"), json::value(420));
  EXPECT_EQ(*resolve_plain("0o644"), json::value(420));
  EXPECT_EQ(*resolve_plain("0x1F"), json::value(31));
  EXPECT_EQ(*resolve_plain("-0b11"), json::value(-3));
  EXPECT_EQ(*resolve_plain("1_000"), json::value(1000));
  EXPECT_EQ(*resolve_plain("-9223372036854775808"), json::value(INT64_MIN));
  EXPECT_EQ(*resolve_plain("1e3"), json::value(1000.0));
  EXPECT_EQ(*resolve_plain(".5"), json::value(0.5));
  EXPECT_FALSE(resolve_plain(".inf"));
  for (const auto* const text :
       {"0888x", "1.2.3", "64Mi", "-", "+", "..", "--1", "1e", "2001-01-01", "nan", "0x", "12:30"})
    EXPECT_EQ(*resolve_plain(text), json::value(text)) << text;
}

TEST(YamlScalar, EscapesOfYamlAreUtf8) {
  EXPECT_EQ(text_of("\x85,\xA0"), "\xC2\x85,\xC2\xA0");
  EXPECT_EQ(only("\"\\N\": \"\\_\"\n"), json::parse("{\"\\u0085\":\"\\u00A0\"}"));
  // Bytes of the same value within a character: U+00C5, U+2005 and U+1F605 have 0x85, U+0120 and U+00E0 have 0xA0.
  for (const std::string_view text : {"\xC3\x85", "\xE2\x80\x85", "\xF0\x9F\x98\x85", "\xC4\xA0", "\xC3\xA0", "", "a"})
    EXPECT_EQ(text_of(text), text);
}

TEST(YamlDocuments, AreJson) {
  EXPECT_EQ(only("a: {b: [1, '1', \"x\"]}\nc:\nd: |\n  two\n  lines\n"),
            json::parse(R"({"a":{"b":[1,"1","x"]},"c":null,"d":"two\nlines\n"})"));
  EXPECT_EQ(only("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n").at("y"), json::parse(R"({"b":3,"a":1})"));
}

TEST(YamlDocuments, TextsAreTheStream) {
  const std::string stream = "%YAML 1.1\n---\na: 1\n...\n# between\n---\r\nb: |\n  --- no\n--- {c: 1}\n---\n";
  const auto documents = read_documents(stream);
  ASSERT_TRUE(documents) << documents.error();
  std::string joined;
  for (const auto& document : *documents) joined += document.text;
  EXPECT_EQ(joined, stream);
}

TEST(YamlDocuments, SayWhatIsWrongAndWhere) {
  EXPECT_EQ(yaml_error("a: 1\n---\nb: 1\nb: 2\n"), "4:1: the key `b` is given twice");
  EXPECT_THAT(yaml_error("a: [1\n"), testing::StartsWith("2:1: "));
  EXPECT_THAT(yaml_error("a: .nan\n"), testing::StartsWith("1:4: "));
  EXPECT_THAT(yaml_error("? [a]\n: b\n"), testing::HasSubstr("a key must be text"));
  EXPECT_THAT(yaml_error(std::string(5000, '[')), testing::HasSubstr(": "));
}

TEST(YamlDocuments, AliasesThatStandForTooMuchAreRefused) {
  std::string bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 9; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int n = 1; n < 10; ++n) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_THAT(yaml_error(bomb), testing::HasSubstr("too many nodes"));
}

TEST(YamlWriter, WritesWhatIsReadBackAsTheSame) {
  json::array texts;
  for (const auto* const text :
       {"",       "plain", "yes",   "null",  "~",       "1",          "1.5",    "0644",
        "- a",    "a: b",  "a #b",  " a",    "a ",      "a\nb",       "a\nb\n", "a\n\n",
        "\n",     "\na",   " a\nb", "a \nb", "a\tb\nc", "\"",         "\\",     "'",
        "é",      "{}",    "[]",    "*a",    "&a",      "!a",         "%a",     "@a",
        "`a",     "|",     ">",     "a:",    ":a",      "2001-01-01", "<<",     "=",
        "a\r\nb", "\x7f",  "-",     "---",   "/x: /y",  "key:",       "true\n", "# no comment\nb: 1\n"})
    texts.emplace_back(text);
  const json::value value{
      {"texts", texts},
      {"nested", json::object{{"empty map", json::object{}},
                              {"empty list", json::array{}},
                              {"lists", json::parse(R"([[1,[2,{"a":[]}]],[],[{"b":{"c":1},"d":"x\ny\n"}]])")}}},
      {"numbers", json::array{0, -1, INT64_MIN, UINT64_MAX, 0.5, 1e100}},
      {"yes", nullptr},
      {"1", true}};
  const auto yaml = to_yaml(value);
  EXPECT_EQ(only(yaml), value) << yaml;
  EXPECT_EQ(to_yaml(only(yaml)), yaml);
}

TEST(YamlWriter, CommentsAboveStay) {
  const auto documents = read_documents("# one\n---\n# Source: x\n\na: 1\n");
  ASSERT_TRUE(documents);
  EXPECT_EQ(rewritten(documents->back(), json::object{{"a", 2}}), "---\n# Source: x\n\na: 2\n");
}

}  // namespace
}  // namespace pillion::inject
