#include "inject/yaml_splice.hpp"

#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "inject/yaml_documents.hpp"

namespace pillion::inject {
namespace {

/// The text after the change. Checks that it has the intended content.
std::string changed(const std::string& text, const std::string& after) {
  const auto before = read_documents(text).value().front().value;
  const auto wanted = json::parse(after);
  const auto result = spliced(text, before, wanted);
  EXPECT_TRUE(result) << text;
  if (!result) return "(nothing)";
  const auto read = read_documents(*result);
  EXPECT_TRUE(read && read->size() == 1 && read->front().value == wanted) << *result;
  return *result;
}

TEST(YamlSplice, LinesThatSayTheSameStay) {
  EXPECT_EQ(changed("# above\na:   'one'  # beside\n\n# about b\nb: {x:  1}\n# below\n", R"({"a":"one","b":2})"),
            "# above\na:   'one'  # beside\n\n# about b\nb: 2\n# below\n");
  EXPECT_EQ(changed("---\na: 1\nb:\n  # about c\n  c: 2 # two\n  d: 3\n", R"({"a":1,"b":{"c":2,"d":4}})"),
            "---\na: 1\nb:\n  # about c\n  c: 2 # two\n  d: 4\n");
}

TEST(YamlSplice, WhatIsNewStandsBehindTheLastMember) {
  EXPECT_EQ(changed("a:\n  b: 1\n# about c\nc: 2\n# the end\n", R"({"a":{"b":1,"m":[3]},"c":2,"z":4})"),
            "a:\n  b: 1\n  m:\n  - 3\n# about c\nc: 2\nz: 4\n# the end\n");
  EXPECT_EQ(changed("a: 1", R"({"a":1,"b":2})"), "a: 1\nb: 2\n") << "the last line has no end";
}

TEST(YamlSplice, ItemsArePutInAndTakenOut) {
  const std::string list = "l:\n  # the first\n  - {m: a}  # a\n  # the second\n  - m: b\n    v: |\n      # text\n";
  EXPECT_EQ(changed(list, R"({"l":[{"m":"x"},{"m":"a"},{"m":"b","v":"# text\n"}]})"),
            "l:\n  - m: x\n  # the first\n  - {m: a}  # a\n  # the second\n  - m: b\n    v: |\n      # text\n");
  EXPECT_EQ(changed(list, R"({"l":[{"m":"b","v":"# text\n"}]})"),
            "l:\n  # the first\n  # the second\n  - m: b\n    v: |\n      # text\n");
  EXPECT_EQ(changed(list, R"({"l":[{"m":"a"},{"m":"b","v":"other","w":1}]})"),
            "l:\n  # the first\n  - {m: a}  # a\n  # the second\n  - m: b\n    v: other\n    w: 1\n");
}

TEST(YamlSplice, MembersAreTakenOut) {
  EXPECT_EQ(changed("a: 1\n# about b\nb:\n  c: 2 # two\n# about d\nd: 3\n", R"({"a":1,"d":3})"),
            "a: 1\n# about b\n# about d\nd: 3\n");
  EXPECT_EQ(changed("l:\n- a: 1 # one\n  b: 2\n", R"({"l":[{"b":2}]})"), "l:\n- b: 2\n") << "with the dash of its item";
}

TEST(YamlSplice, WhatIsEmptyOrInFlowStyleIsWrittenAnew) {
  EXPECT_EQ(changed("a: {b: 1} # flow\nc: []\nd:\ne: 1 # one\n", R"({"a":{"b":2},"c":[1],"d":{"x":1},"e":1})"),
            "a:\n  b: 2\nc:\n- 1\nd:\n  x: 1\ne: 1 # one\n");
  EXPECT_FALSE(spliced("{a: 1}\n", json::object{{"a", 1}}, json::object{{"a", 2}}));
  EXPECT_FALSE(spliced("- 1\n", json::array{1}, json::array{2}));
}

TEST(YamlSplice, AnchorsAndMergeKeys) {
  const std::string text = "x: &x {a: 1} # anchor\ny: *x\nz:\n  <<: *x\n  b: 2 # two\nw: 3\n";
  EXPECT_EQ(changed(text, R"({"x":{"a":1},"y":{"a":1},"z":{"b":2,"a":1},"w":4})"),
            "x: &x {a: 1} # anchor\ny: *x\nz:\n  <<: *x\n  b: 2 # two\nw: 4\n");
  EXPECT_EQ(changed(text, R"({"x":{"a":1},"y":{"a":1},"z":{"b":5,"a":1},"w":3})"),
            "x: &x {a: 1} # anchor\ny: *x\nz:\n  b: 5\n  a: 1\nw: 3\n");
}

TEST(YamlSplice, AnAnchorThatWouldBeLostIsNoFault) {
  const std::string text = "# above\nx: &x {a: 1}\nq: *x # alias\n";
  const auto documents = read_documents(text).value();
  EXPECT_EQ(rewritten(documents.front(), json::parse(R"({"x":{"a":2},"q":{"a":1}})")),
            "# above\nx:\n  a: 2\nq:\n  a: 1\n");
}

}  // namespace
}  // namespace pillion::inject
