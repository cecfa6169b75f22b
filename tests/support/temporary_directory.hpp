#pragma once
// A directory that exists as long as its object.

#include <filesystem>
#include <string>
#include <string_view>

namespace pillion::test {

class TemporaryDirectory {
 public:
  /// Makes a new directory below the system's one for temporary files. Throws std::system_error.
  TemporaryDirectory();
  /// Removes the directory with its content.
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Writes a file into it and returns the file's path. Throws std::runtime_error.
  std::string write(std::string_view name, std::string_view contents) const;

 private:
  std::filesystem::path path_;
};

}  // namespace pillion::test
