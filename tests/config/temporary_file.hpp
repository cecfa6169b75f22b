#pragma once
// A file that exists as long as its object.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace pillion::config {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view contents)
      : path_((std::filesystem::temp_directory_path() / "pillion-config-XXXXXX").string()) {
    const int descriptor = ::mkstemp(path_.data());
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), path_);
    const auto written = ::write(descriptor, contents.data(), contents.size());
    ::close(descriptor);
    if (written != static_cast<ssize_t>(contents.size()))
      throw std::system_error(errno, std::generic_category(), path_);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace pillion::config
