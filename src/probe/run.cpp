#include "probe/run.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "probe/measurement.hpp"
#include "runtime/loop.hpp"

namespace pillion::probe {
namespace asio = boost::asio;
namespace {

/// Makes one TLS context for each distinct `tls` setting.
class ContextOfSettings {
 public:
  /// The context of the target, or nullptr if its protocol is not tls.
  upstream::TlsContext* find(const ProbeTarget& target) {
    if (target.protocol != config::Protocol::tls) return nullptr;
    const auto known = std::ranges::find(made_, target.tls, &Made::settings);
    if (known != made_.end()) return known->context.get();
    made_.push_back({.settings = target.tls, .context = std::make_unique<upstream::TlsContext>(target.tls)});
    return made_.back().context.get();
  }

 private:
  struct Made {
    config::Tls settings;
    std::unique_ptr<upstream::TlsContext> context;
  };
  std::vector<Made> made_;
};

class ProbeRun {
 public:
  ProbeRun(runtime::Log& log, const std::vector<ProbeTarget>& targets, const ProbeNames& names,
           const ProbeLimits& limits, const ShowProgress& show)
      : loop_(log), limits_(limits), show_(show) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      measurements_.push_back(
          std::make_unique<Measurement>(loop_, targets[i], names, limits, tls_.find(targets[i]),
                                        [this, i](std::string_view step, double part) { show_(i, step, part); }));
    }
  }

  [[nodiscard]] std::vector<ProbeFigures> run() {
    loop_.tasks().spawn(measure(), "probe");
    loop_.tasks().when_empty([this] { loop_.release_timer(); });
    loop_.run();
    std::vector<ProbeFigures> figures;
    figures.reserve(measurements_.size());
    for (const auto& measurement : measurements_) figures.push_back(measurement->figures());
    return figures;
  }

 private:
  asio::awaitable<void> measure() {
    for (const auto& measurement : measurements_) co_await measurement->measure();
    if (limits_.idle.count() > 0) show_(measurements_.size(), "idle timeout", 0);
    for (const auto& measurement : measurements_) loop_.tasks().spawn(measurement->measure_idle(), "idle timeout");
  }

  runtime::Loop loop_;
  const ProbeLimits& limits_;
  const ShowProgress& show_;
  ContextOfSettings tls_;
  std::vector<std::unique_ptr<Measurement>> measurements_;
};

}  // namespace

std::vector<ProbeFigures> measure_all(runtime::Log& log, const std::vector<ProbeTarget>& targets,
                                      const ProbeNames& names, const ProbeLimits& limits, const ShowProgress& show) {
  return ProbeRun(log, targets, names, limits, show).run();
}

}  // namespace pillion::probe
