#include "app/watched_directories.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/read_file.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::app {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

class WatchedDirectoriesTest : public ::testing::Test {
 protected:
  /// The watched names, by directory below the temporary one.
  std::map<std::string, std::set<std::string, std::less<>>> names_for(const fs::path& file) {
    std::map<std::string, std::set<std::string, std::less<>>> names;
    for (const auto& [path, in_it] : watched_directories({&file, 1})) {
      if (!in_it.empty()) names[path.lexically_relative(root).string()] = in_it;
    }
    return names;
  }
  using Names = std::set<std::string, std::less<>>;
  using ByDirectory = std::map<std::string, Names>;

  test::TemporaryDirectory directory;
  // The directory for temporary files may itself be a link.
  fs::path root = fs::canonical(directory.path());
};

TEST_F(WatchedDirectoriesTest, OfAPlainFileIsItsOwn) {
  directory.write("f", "");
  EXPECT_EQ(names_for(root / "f"), (ByDirectory{{".", {"f"}}}));
}

TEST_F(WatchedDirectoriesTest, HaveThoseAboveForBeingMoved) {
  const auto file = root / "f";
  const auto directories = watched_directories({&file, 1});
  ASSERT_TRUE(directories.contains("/"));
  EXPECT_THAT(directories.at("/"), IsEmpty());
  ASSERT_TRUE(directories.contains(root.parent_path()));
  EXPECT_THAT(directories.at(root.parent_path()), IsEmpty());
}

TEST_F(WatchedDirectoriesTest, OfAConfigMapAreThoseOfItsLinksAndOfTheFile) {
  fs::create_directory(root / "..2026_01");
  directory.write("..2026_01/f", "");
  fs::create_directory_symlink("..2026_01", root / "..data");
  fs::create_symlink("..data/f", root / "f");
  EXPECT_EQ(names_for(root / "f"), (ByDirectory{{".", {"f", "..data"}}, {"..2026_01", {"f"}}}));
}

TEST_F(WatchedDirectoriesTest, FollowAbsoluteLinksAndThoseThatLeadUp) {
  fs::create_directories(root / "a/b");
  fs::create_directory(root / "c");
  directory.write("c/f", "");
  fs::create_directory_symlink(root / "a/b", root / "c/link");
  fs::create_symlink("../../c/f", root / "a/b/up");
  EXPECT_EQ(names_for(root / "c/link/up"), (ByDirectory{{"c", {"link", "f"}}, {"a/b", {"up"}}}));
  // `..` after a link is the directory above the target of the link.
  EXPECT_EQ(names_for(root / "c/link/../b/up"), names_for(root / "c/link/up"));
}

TEST_F(WatchedDirectoriesTest, OfWhatIsMissingIsTheLastThatIsThere) {
  EXPECT_EQ(names_for(root / "a/b/f"), (ByDirectory{{".", {"a"}}}));
  fs::create_directory(root / "a");
  EXPECT_EQ(names_for(root / "a/b/f"), (ByDirectory{{"a", {"b"}}}));
  fs::create_symlink("nowhere/f", root / "dangling");
  EXPECT_EQ(names_for(root / "dangling"), (ByDirectory{{".", {"dangling", "nowhere"}}}));
}

TEST_F(WatchedDirectoriesTest, OfAPathThroughAFileIsThatFiles) {
  directory.write("f", "");
  EXPECT_EQ(names_for(root / "f/g"), (ByDirectory{{".", {"f"}}}));
}

TEST_F(WatchedDirectoriesTest, OfACircleHaveAnEnd) {
  fs::create_symlink("b", root / "a");
  fs::create_symlink("a", root / "b");
  EXPECT_EQ(names_for(root / "a"), (ByDirectory{{".", {"a", "b"}}}));
}

TEST_F(WatchedDirectoriesTest, OfSeveralFilesAreJoined) {
  const std::vector<fs::path> files{root / "a", root / "b"};
  const auto directories = watched_directories(files);
  ASSERT_TRUE(directories.contains(root));
  EXPECT_THAT(directories.at(root), UnorderedElementsAre("a", "b"));
}

TEST_F(WatchedDirectoriesTest, TheLastChangeIsThatOfALinkToo) {
  directory.write("f", "");
  const auto link = root / "link";
  fs::create_symlink("f", link);
  const auto before = std::chrono::system_clock::now();
  // File systems have a clock of ticks. Before its next tick, a change has the same time as the content before.
  while (config::file_time_now() <= before) continue;
  const auto between = config::file_time_now();
  const auto last = [&] { return last_change(watched_directories({&link, 1})); };
  EXPECT_LT(last(), between);
  fs::create_symlink("f", root / "other");
  fs::rename(root / "other", link);
  EXPECT_GE(last(), between);
}

TEST_F(WatchedDirectoriesTest, TheLastChangeOfNothingIsTheBeginning) {
  const auto file = root / "missing";
  EXPECT_EQ(last_change(watched_directories({&file, 1})), std::chrono::system_clock::time_point{});
}

}  // namespace
}  // namespace pillion::app
