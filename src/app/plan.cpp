#include "app/plan.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

#include "config/load.hpp"
#include "runtime/random.hpp"

namespace pillion::app {
namespace {

std::shared_ptr<upstream::TlsContext> make_context(const config::Upstream& upstream, const Plan* previous) {
  if (upstream.protocol != config::Protocol::tls) return nullptr;
  try {
    auto context = std::make_shared<upstream::TlsContext>(upstream.tls);
    if (previous == nullptr) return context;
    // The upstream's own earlier context is preferred to an equal one of another upstream, whose connections are not
    // this one's.
    for (std::size_t i = 0; i < previous->tls.size(); ++i) {
      const auto& known = previous->tls[i];
      if (previous->config.upstreams[i].name == upstream.name && known && *known == *context) return known;
    }
    const auto same =
        std::ranges::find_if(previous->tls, [&](const auto& known) { return known && *known == *context; });
    return same == previous->tls.end() ? context : *same;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error("upstreams." + upstream.name + ".tls: " + error.what());
  }
}

}  // namespace

std::shared_ptr<Plan> make_plan(config::Config config, const Plan* previous) {
  auto plan = std::make_shared<Plan>();
  runtime::Random random;
  for (const auto& upstream : config.upstreams) {
    plan->tls.push_back(make_context(upstream, previous));
    plan->loop_labels.push_back(random.u64());
  }
  plan->config = std::move(config);
  return plan;
}

std::string hash_of(const config::Config& config) {
  const auto text = config::to_yaml(config, false);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::size_t shown = 6;  // bytes
  std::string hex;
  for (std::size_t i = 0; i < shown; ++i) hex.append({digits[digest[i] >> 4U], digits[digest[i] & 0xFU]});
  return hex;
}

}  // namespace pillion::app
