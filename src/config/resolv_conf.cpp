#include "config/resolv_conf.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
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

/// Replaces `domains` by the domains of a line. Returns why it skipped some of them.
std::vector<std::string> read_domains(std::span<const std::string_view> words, std::vector<std::string>& domains) {
  const auto most = static_cast<std::size_t>(key("search.domains").max);
  std::vector<std::string> skipped;
  domains.clear();
  for (const auto word : words) {
    auto domain = parse_domain(word);
    if (!domain) {
      skipped.push_back(domain.error());
    } else if (domain == "." || std::ranges::find(domains, *domain) != domains.end()) {
      continue;
    } else if (domains.size() == most) {
      skipped.push_back(in_quotes(word) + " comes after " + std::to_string(most) +
                        " other domains, and no more are allowed");
    } else {
      domains.push_back(std::move(*domain));
    }
  }
  return skipped;
}

/// Reads the options that Pillion knows. Returns why it skipped some of them.
std::vector<std::string> read_options(std::span<const std::string_view> words, std::uint32_t& ndots) {
  constexpr std::string_view prefix = "ndots:";
  const auto most = static_cast<std::uint32_t>(key("search.ndots").max);
  std::vector<std::string> skipped;
  for (const auto word : words) {
    if (!word.starts_with(prefix)) continue;
    // The number ends at the first other character, as in glibc and musl. If there are no digits, musl skips the word
    // and glibc reads 0.
    const auto number = word.substr(prefix.size());
    std::uint32_t value = 0;
    const auto error = std::from_chars(number.data(), number.data() + number.size(), value).ec;
    if (error == std::errc::invalid_argument) {
      skipped.push_back(in_quotes(word) + " has no number");
    } else {
      ndots = error == std::errc::result_out_of_range ? most : std::min(value, most);
    }
  }
  return skipped;
}

/// nullopt where it is no address, or one with a zone (RFC 4007 section 11), which no socket of ours has.
std::optional<Endpoint> read_name_server(std::string_view word) {
  const bool is_ipv6 = word.find(':') != std::string_view::npos;
  const auto endpoint = parse_endpoint((is_ipv6 ? "[" + std::string(word) + "]" : std::string(word)) + ":53");
  return endpoint ? std::optional(*endpoint) : std::nullopt;
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf{.search = {.domains = {}, .ndots = 1}, .name_servers = {}, .skipped = {}};
  int list_line = 0;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // A keyword stands in the first column.
    if (line.empty() || line.front() == ' ' || line.front() == '\t') continue;
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    const auto values = std::span(words).subspan(1);
    std::vector<std::string> reasons;
    if (words[0] == "search" || words[0] == "domain") {
      // This list replaces the earlier one, so that what was skipped there no longer matters.
      std::erase_if(conf.skipped, [&](const ResolvConf::Skipped& skipped) { return skipped.line == list_line; });
      list_line = number;
      reasons = read_domains(words[0] == "domain" ? values.first(1) : values, conf.search.domains);
    } else if (words[0] == "options") {
      reasons = read_options(values, conf.search.ndots);
    } else if (words[0] == "nameserver") {
      if (const auto server = read_name_server(values.front())) conf.name_servers.push_back(*server);
    }
    for (auto& reason : reasons) conf.skipped.push_back({.line = number, .reason = std::move(reason)});
  }
  return conf;
}

}  // namespace pillion::config
