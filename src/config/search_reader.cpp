#include "config/search_reader.hpp"

#include <algorithm>
#include <ranges>

#include "config/read_file.hpp"
#include "config/resolv_conf.hpp"
#include "config/scalar.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t max_resolv_conf_size = std::size_t{64} << 10U;
constexpr std::size_t max_warnings = 100;

void read_domains(const Section& section, std::vector<std::string>& domains) {
  const std::string allowed(section.key_of("domains").description);
  for (const auto& element : section.elements("domains")) {
    const auto refuse = [&](const std::string& problem) {
      section.faults().add(value_mark(element), element.name, problem, allowed);
    };
    const auto text = read_text(element, element.name, allowed, section.faults());
    if (!text) continue;
    auto domain = parse_domain(*text);
    if (!domain) {
      refuse(domain.error());
    } else if (domain == ".") {
      refuse("`.` is the root, and Pillion asks for the name itself in any case");
    } else if (std::ranges::find(domains, *domain) != domains.end()) {
      refuse(in_quotes(*domain) + " is given twice");
    } else {
      domains.push_back(std::move(*domain));
    }
  }
}

std::vector<std::string> warnings_of(const std::string& path, const std::vector<ResolvConf::Skipped>& skipped) {
  std::vector<std::string> warnings;
  for (const auto& [line, reason] : skipped | std::views::take(max_warnings)) {
    auto& warning = warnings.emplace_back(path);
    warning.append(":").append(std::to_string(line)).append(": ").append(reason).append("; skipped");
  }
  if (skipped.size() > max_warnings)
    warnings.push_back(path + ": and " + std::to_string(skipped.size() - max_warnings) + " more");
  return warnings;
}

/// Reads the file into `search`. Returns what is wrong; empty if nothing is.
std::string read_resolv_conf(const std::string& path, Search& search, std::vector<std::string>& warnings) {
  const auto text = read_file(path, max_resolv_conf_size);
  if (!text) return in_quotes(path) + " cannot be read: " + text.error();
  if (text->size() > max_resolv_conf_size) return in_quotes(path) + " is longer than 64 KiB";
  auto listed = parse_resolv_conf(*text);
  search = std::move(listed.search);
  warnings = warnings_of(path, listed.skipped);
  return {};
}

/// Only `false` may stand in place of the mapping. It is the same as leaving `search` out.
void check_is_false(const Section& top, const YamlEntry& entry) {
  const auto text = read_text(entry, "search", allowed_text(top.key_of("search")), top.faults());
  if (text && read_boolean(entry.value) != false)
    top.refuse_value("search", in_quotes(*text) + " is neither false nor a mapping");
}

void read_mapping(const Section& section, Search& search, std::vector<std::string>& warnings) {
  read_domains(section, search.domains);
  section.read("ndots", search.ndots);

  if (section.find("resolv_conf") == nullptr) return;
  if (section.find("domains") != nullptr || section.find("ndots") != nullptr)
    return section.refuse_key(
        "resolv_conf", "is given together with domains or ndots; allowed: either resolv_conf, or domains and ndots");
  std::string path;
  section.read("resolv_conf", path,
               [&](const std::string& written) { return read_resolv_conf(written, search, warnings); });
}

}  // namespace

void read_search(const Section& top, Search& search, std::vector<std::string>& warnings) {
  const auto* const entry = top.find("search");
  if (entry == nullptr) return;
  if (!entry->value.IsMap()) return check_is_false(top, *entry);
  read_mapping(Section(*entry, "search", "search", top.faults()), search, warnings);
  // `ndots` means nothing without domains. So every configuration without a search list has the same value.
  if (search.domains.empty()) search = {};
}

}  // namespace pillion::config
