#include "cli/ca_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "config/tls_files.hpp"

namespace pillion::cli {
namespace {

struct UseWords {
  config::CaUse use;
  std::string_view one;
  std::string_view many;
};
constexpr std::array use_words = {
    UseWords{config::CaUse::root, "root", "roots"},
    UseWords{config::CaUse::anchor_intermediate, "intermediate CA as trust anchor",
             "intermediate CAs as trust anchors"},
    UseWords{config::CaUse::intermediate, "intermediate CA below an anchor", "intermediate CAs below an anchor"},
    UseWords{config::CaUse::none, "unused certificate", "unused certificates"},
};

std::string summary(const std::vector<config::CaCertificate>& certificates) {
  std::string text;
  for (const auto& [use, one, many] : use_words) {
    const auto count = std::ranges::count(certificates, use, &config::CaCertificate::use);
    if (count == 0) continue;
    text.append(text.empty() ? "" : ", ").append(std::to_string(count)).append(" ").append(count == 1 ? one : many);
  }
  return text;
}

}  // namespace

std::expected<std::string, std::string> ca_table(const config::Config& config) {
  std::size_t width = 0;
  for (const auto& upstream : config.upstreams) width = std::max(width, upstream.name.size());
  std::string table;
  for (const auto& upstream : config.upstreams) {
    if (upstream.protocol != config::Protocol::tls) continue;
    const auto certificates = config::read_ca_file(upstream.tls.ca_file);
    if (!certificates) return std::unexpected("upstreams." + upstream.name + ".tls.ca_file: " + certificates.error());
    table.append("# ").append(upstream.name).append(width - upstream.name.size() + 2, ' ');
    table.append(summary(*certificates)).append("\n");
  }
  return table;
}

}  // namespace pillion::cli
