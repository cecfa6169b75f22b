#include "config/read_file.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>

namespace pillion::config {

std::expected<std::string, std::string> read_file(const std::filesystem::path& file, std::size_t limit) {
  const auto reason = [] { return std::unexpected(std::generic_category().message(errno)); };
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream.is_open()) return reason();
  // The file's size says nothing for a pipe.
  std::string text(limit + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return reason();
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

}  // namespace pillion::config
