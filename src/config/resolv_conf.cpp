#include "config/resolv_conf.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <vector>

#include "config/keys.hpp"
#include "config/scalar.hpp"

namespace pillion::config {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\f\v";
  std::vector<std::string_view> words;
  for (auto start = line.find_first_not_of(blanks); start != std::string_view::npos;
       start = line.find_first_not_of(blanks, start)) {
    const auto end = std::min(line.find_first_of(blanks, start), line.size());
    words.push_back(line.substr(start, end - start));
    start = end;
  }
  return words;
}

/// What is wrong; empty where nothing is.
std::string read_domains(std::span<const std::string_view> words, std::vector<std::string>& domains) {
  const auto most = static_cast<std::size_t>(key("search.domains").max);
  domains.clear();
  for (const auto word : words) {
    auto domain = parse_domain(word);
    if (!domain) return domain.error() + "; allowed: " + std::string(key("search.domains").description);
    if (domain == "." || std::ranges::find(domains, *domain) != domains.end()) continue;
    domains.push_back(std::move(*domain));
  }
  if (domains.size() <= most) return {};
  return "search has " + std::to_string(domains.size()) + " domains; allowed: at most " + std::to_string(most);
}

std::string read_options(std::span<const std::string_view> words, std::uint32_t& ndots) {
  constexpr std::string_view prefix = "ndots:";
  const auto most = static_cast<std::uint32_t>(key("search.ndots").max);
  for (const auto word : words) {
    if (!word.starts_with(prefix)) continue;
    const auto number = word.substr(prefix.size());
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc::invalid_argument || end != number.data() + number.size())
      return in_quotes(word) + " is not a number; allowed: ndots:0 to ndots:" + std::to_string(most);
    ndots = error == std::errc::result_out_of_range ? most : std::min(value, most);
  }
  return {};
}

}  // namespace

std::expected<Search, std::string> parse_resolv_conf(std::string_view text) {
  Search search{.domains = {}, .ndots = 1};
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // A keyword stands in the first column.
    if (line.empty() || line.front() == ' ' || line.front() == '\t') continue;
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    const auto values = std::span(words).subspan(1);
    std::string problem;
    if (words[0] == "search") problem = read_domains(values, search.domains);
    if (words[0] == "domain") problem = read_domains(values.first(1), search.domains);
    if (words[0] == "options") problem = read_options(values, search.ndots);
    if (!problem.empty()) return std::unexpected("line " + std::to_string(number) + ": " + problem);
  }
  return search;
}

}  // namespace pillion::config
