#include "telemetry/process_stats.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>

namespace pillion::telemetry {
namespace {

/// Removes the next word from `text` and returns it; empty at the end.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view blanks = " \n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const auto word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
}

template <typename Integer>
bool read_number(std::string_view word, Integer& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size() && !word.empty();
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double count_descriptors() {
  struct stat directory{};
  if (::stat("/proc/self/fd", &directory) == 0 && directory.st_size > 0) return static_cast<double>(directory.st_size);
  std::error_code error;
  double count = -1;  // the directory's own descriptor
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return count < 0 ? 0 : count;
}

}  // namespace

std::optional<StatFields> parse_stat(std::string_view text) {
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  // The fields 3 … 24 follow the name; numbers as in proc(5).
  std::array<std::string_view, 25> field;
  for (std::size_t number = 3; number < field.size(); ++number) field[number] = next_word(text);
  StatFields result;
  if (!read_number(field[22], result.start_ticks) || !read_number(field[23], result.virtual_bytes) ||
      !read_number(field[24], result.resident_pages)) {
    return std::nullopt;
  }
  return result;
}

std::optional<std::uint64_t> parse_boot_time(std::string_view text) {
  constexpr std::string_view key = "\nbtime ";
  const auto at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  std::uint64_t result = 0;
  if (!read_number(next_word(text), result)) return std::nullopt;
  return result;
}

ProcessStats read_process_stats() {
  ProcessStats result;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) result.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    result.max_descriptors =
        limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity() : static_cast<double>(limit.rlim_cur);
  }
  result.open_descriptors = count_descriptors();
  const auto fields = parse_stat(read_file("/proc/self/stat"));
  if (!fields) return result;
  result.virtual_bytes = static_cast<double>(fields->virtual_bytes);
  result.resident_bytes = static_cast<double>(fields->resident_pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (const auto boot = parse_boot_time(read_file("/proc/stat"))) {
    result.start_time = static_cast<double>(*boot) +
                        static_cast<double>(fields->start_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return result;
}

}  // namespace pillion::telemetry
