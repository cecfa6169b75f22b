#include "app/file_state.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/unique_descriptor.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::app {
namespace {

class FileStateTest : public ::testing::Test {
 protected:
  test::TemporaryDirectory directory;
};

TEST_F(FileStateTest, AFingerprintIsOfTheContent) {
  const auto a = fingerprint_of(directory.write("a", "text"));
  ASSERT_TRUE(a);
  EXPECT_TRUE(a->readable);
  EXPECT_EQ(a->size, 4U);
  EXPECT_EQ(a, fingerprint_of(directory.write("b", "text")));
  EXPECT_NE(a, fingerprint_of(directory.write("b", "texT")));
  EXPECT_NE(a, fingerprint_of(directory.write("b", "text\n")));
  const std::string zeros(100'000, '\0');
  EXPECT_NE(fingerprint_of(directory.write("a", zeros)), fingerprint_of(directory.write("b", zeros + '\0')));
}

TEST_F(FileStateTest, AFingerprintIsOfTheFirstTwoMebibytes) {
  std::string text(std::size_t{2} << 20U, 'x');
  const auto whole = fingerprint_of(directory.write("a", text));
  EXPECT_EQ(whole, fingerprint_of(directory.write("b", text + "more")));
  text.back() = 'y';
  EXPECT_NE(whole, fingerprint_of(directory.write("b", text)));
}

TEST_F(FileStateTest, WhatCannotBeReadHasOneFingerprint) {
  const auto missing = fingerprint_of(directory.path() / "missing");
  ASSERT_TRUE(missing);
  EXPECT_FALSE(missing->readable);
  EXPECT_EQ(missing, fingerprint_of(directory.path()));
  EXPECT_NE(missing, fingerprint_of(directory.write("empty", "")));
}

TEST_F(FileStateTest, APipeIsNeitherReadNorWaitedFor) {
  const auto pipe = directory.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto fingerprint = fingerprint_of(pipe);
  ASSERT_TRUE(fingerprint);
  EXPECT_TRUE(fingerprint->readable);
}

TEST_F(FileStateTest, WithoutADescriptorNothingIsSaidOfTheFile) {
  const auto file = directory.write("a", "text");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto fingerprint = fingerprint_of(file);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(fingerprint);
}

TEST_F(FileStateTest, TheStatusIsThatOfTheFileBehindALink) {
  const auto a = directory.write("a", "text");
  const auto b = directory.write("b", "text");
  const auto link = directory.path() / "link";
  std::filesystem::create_symlink("a", link);
  EXPECT_EQ(status_of(link), status_of(a));
  EXPECT_NE(status_of(link), status_of(b)) << "another inode";
  std::filesystem::resize_file(a, 3);
  EXPECT_EQ(status_of(link).size, 3);
}

TEST_F(FileStateTest, TheStatusOfWhatIsMissingIsTheError) {
  EXPECT_EQ(status_of(directory.path() / "missing"), (FileStatus{.error = ENOENT}));
}

}  // namespace
}  // namespace pillion::app
