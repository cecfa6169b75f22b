#include "resolve/loop_probe.hpp"

#include <string_view>
#include <utility>

#include "dns/name.hpp"
#include "dns/response.hpp"

namespace pillion::resolve {
namespace {

constexpr std::size_t label_size = 16;  // 64 bits in hexadecimal

}  // namespace

LoopProbe::LoopProbe(runtime::Schedule& schedule, std::uint64_t label, Group& group, std::string upstream,
                     dns::Bytes zone)
    : schedule_(schedule), group_(group), upstream_(std::move(upstream)) {
  constexpr std::string_view digits = "0123456789abcdef";
  name_.push_back(label_size);
  for (std::size_t i = 0; i < label_size; ++i, label >>= 4U)
    name_.push_back(static_cast<std::uint8_t>(digits[label & 0xFU]));
  dns::append(name_, zone);
}

void LoopProbe::start() {
  dns::Buffer message;
  dns::append_query(message, 0, dns::flag::rd, name_, dns::type::hinfo, dns::klass::in);
  // A zone whose name leaves no room for the label cannot be probed.
  if (const auto query = dns::parse_query(message, {.reject_non_utf8_names = false})) group_.resolve(*query, *this);
}

void LoopProbe::stop() {
  stopped_ = true;
  schedule_.clear_deadline(*this);
}

bool LoopProbe::is_asked_by(const dns::QueryView& query) const {
  return query.question().type == dns::type::hinfo && query.question().name == name_;
}

void LoopProbe::found(ResolverMetrics& metrics, runtime::Log& log) {
  metrics.forwarding_loops.add();
  if (std::exchange(reported_, true)) return;
  log.error("forwarding loop: the upstream sends Pillion's queries back to Pillion", {{"upstream", upstream_}});
}

void LoopProbe::answered(const Answer& answer) {
  // Any answer shows that the upstream has the question.
  if (!answer.message && !stopped_) schedule_.set_deadline(*this, schedule_.clock().now() + retry_after);
}

void LoopProbe::expired(runtime::Time /*now*/) {
  start();
}

}  // namespace pillion::resolve
