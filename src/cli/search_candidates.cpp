#include "cli/search_candidates.hpp"

#include <cstddef>
#include <utility>

#include "dns/name.hpp"

namespace pillion::cli {
namespace {

/// The number of dots of the name without its final dot.
std::size_t dots_of(dns::NameView name) {
  const auto labels = name.label_count();
  return labels == 0 ? 0 : labels - 1;
}

}  // namespace

std::vector<dns::Buffer> search_candidates(dns::Bytes name, bool is_absolute, const config::Search& search) {
  const dns::Buffer bare(name.begin(), name.end());
  if (is_absolute) return {bare};
  std::vector<dns::Buffer> candidates;
  const bool bare_is_first = dots_of(name) >= search.ndots;
  if (bare_is_first) candidates.push_back(bare);
  for (const auto& domain : search.domains) {
    const auto suffix = dns::parse_name(domain);
    if (!suffix || name.size() - 1 + suffix->size() > dns::max_name_size) continue;
    dns::Buffer candidate(name.begin(), name.end() - 1);
    dns::append(candidate, *suffix);
    candidates.push_back(std::move(candidate));
  }
  if (!bare_is_first) candidates.push_back(bare);
  return candidates;
}

SearchVerdict verdict_on(std::string_view status, bool has_records) {
  if (status == "NOERROR") return has_records ? SearchVerdict::found : SearchVerdict::go_on;
  return status == "NXDOMAIN" || status == "SERVFAIL" ? SearchVerdict::go_on : SearchVerdict::stop;
}

}  // namespace pillion::cli
