#include "app/reloader.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <sstream>
#include <utility>

#include <boost/asio/post.hpp>
#include <malloc.h>
#include <pthread.h>

#include "app/handshake_proof.hpp"
#include "config/difference.hpp"
#include "config/read_file.hpp"
#include "config/restart_keys.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text.append(text.empty() ? "" : "\n").append(line);
  return text;
}

/// The faults of new client certificates that have expired, which servers would reject.
std::vector<std::string> expired_certificates(const Plan& plan, const Plan& previous) {
  std::vector<std::string> faults;
  for (std::size_t i = 0; i < plan.tls.size(); ++i) {
    const auto end = plan.tls[i] ? plan.tls[i]->client_not_after() : std::nullopt;
    const bool is_new = std::ranges::find(previous.tls, plan.tls[i]) == previous.tls.end();
    if (!is_new || !end || *end > std::chrono::system_clock::now()) continue;
    const auto& upstream = plan.config.upstreams[i];
    faults.push_back("upstreams." + upstream.name + ".tls.client_cert: \"" + upstream.tls.client_cert +
                     "\" has expired; allowed: a certificate that is valid now");
  }
  return faults;
}

/// True if `plan` has this upstream with the same TLS context, so that its connections continue.
bool is_in(const Plan& plan, const config::Upstream& upstream, const std::shared_ptr<upstream::TlsContext>& tls) {
  for (std::size_t i = 0; i < plan.config.upstreams.size(); ++i) {
    if (plan.config.upstreams[i] == upstream && plan.tls[i] == tls) return true;
  }
  return false;
}

}  // namespace

Reloader::Reloader(std::filesystem::path file, const config::Loaded& loaded, std::shared_ptr<const Plan> plan,
                   int outcome, runtime::Log& log, telemetry::Sources::Reloads& reloads, ReloadHooks hooks)
    : file_(std::move(file)),
      read_(loaded.config),
      plan_(std::move(plan)),
      log_(log),
      reloads_(reloads),
      hooks_(std::move(hooks)),
      read_at_(loaded.read_at),
      own_fingerprint_(loaded.own_fingerprint),
      files_(loaded.files),
      inherited_outcome_(outcome),
      watch_(loop_, {}, [this] { reload("file"); }) {}

Reloader::~Reloader() {
  if (!thread_.joinable()) return;
  cancelled_ = true;
  asio::post(loop_.io(), [this] {
    watch_.stop();
    loop_.clear_deadline(*this);
    keeps_running_.reset();
    loop_.release_timer();
  });
  thread_.join();
}

void Reloader::start(const ListenAddresses& listening) {
  if (inherited_outcome_ < 0) {
    outcome_.emplace();
  } else {
    outcome_.emplace(inherited_outcome_);
  }
  write_listen_addresses(outcome_->descriptor(), listening);
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "pillion-reload");
    loop_.run();
  });
  asio::post(loop_.io(), [this] { watch(); });
}

void Reloader::request(std::string_view trigger) {
  if (is_requested_.exchange(true)) return;
  asio::post(loop_.io(), [this, trigger = std::string(trigger)] { reload(trigger); });
}

void Reloader::watch() {
  watch_.watch(plan_->config.reload.watch ? files_ : std::vector<std::filesystem::path>{}, read_at_, own_fingerprint_);
}

void Reloader::reload(std::string_view trigger) {
  // A change after this point needs another reload.
  is_requested_ = false;
  read_at_ = config::file_time_now();
  own_fingerprint_.reset();
  outcome_->begin();
  difference_.clear();
  lacks_proof_ = false;
  const auto change = attempt();
  if (!change) {
    refuse(change.error(), trigger);
  } else {
    reloads_.succeeded.add();
    reloads_.last_failed.set(false);
    reloads_.loaded_at.set(static_cast<double>(std::time(nullptr)));
    const bool is_applied = *change == Change::applied;
    log_.info(is_applied ? "configuration reloaded" : "configuration read again, without a change",
              {{"trigger", trigger}, {"difference", difference_}});
    outcome_->end(true, is_applied ? "the configuration is in use\n" : "nothing has changed\n");
  }
  watch();
  plan_retry();
  // The certificates and texts of the reload were in an arena of this thread.
  ::malloc_trim(0);
}

void Reloader::plan_retry() {
  if (!lacks_proof_) {
    loop_.clear_deadline(*this);
    retry_after_ = first_retry;
    return;
  }
  loop_.set_deadline(*this, loop_.clock().refresh() + retry_after_);
  retry_after_ = std::min(2 * retry_after_, last_retry);
}

void Reloader::expired(runtime::Time /*now*/) {
  reload("retry");
}

void Reloader::refuse(const Faults& faults, std::string_view trigger) {
  reloads_.failed.add();
  reloads_.last_failed.set(true);
  for (const auto& fault : faults) log_.error("configuration refused", {{"trigger", trigger}, {"error", fault}});
  log_.error("the previous configuration stays in use", {{"trigger", trigger}, {"difference", difference_}});
  outcome_->end(false, joined(faults) + '\n');
}

std::expected<Reloader::Change, Reloader::Faults> Reloader::attempt() {
  try {
    auto loaded = file_.empty() ? config::parse_config("{}", "(defaults)") : config::load_config(file_);
    files_ = loaded.files;
    own_fingerprint_ = loaded.own_fingerprint;
    difference_ = joined(config::difference(config::to_yaml(read_, true), config::to_yaml(loaded.config, true)));
    if (auto faults = config::restart_faults(read_, loaded.config); !faults.empty())
      return std::unexpected(std::move(faults));
    auto config = loaded.config;
    // What the process has lowered at the start stays lowered.
    config.threads = plan_->config.threads;
    config.dns.max_connections = plan_->config.dns.max_connections;
    const auto next = make_plan(std::move(config), plan_.get());
    next->hash = hash_of(loaded.config);
    if (next->config == plan_->config && next->tls == plan_->tls) return Change::none;
    for (const auto& warning : loaded.warnings) log_.warn("configuration warning", {{"warning", warning}});
    if (auto faults = expired_certificates(*next, *plan_); !faults.empty()) return std::unexpected(std::move(faults));
    if (auto faults = prove(*next); !faults.empty()) {
      lacks_proof_ = true;
      return std::unexpected(std::move(faults));
    }
    const auto applied = hooks_.apply(next, cancelled_);
    if (!applied) return std::unexpected(Faults{applied.error()});
    write_listen_addresses(outcome_->descriptor(), *applied);
    plan_ = next;
    read_ = std::move(loaded.config);
    return Change::applied;
  } catch (const config::ConfigError& error) {
    for (const auto& file : error.files()) {
      if (std::ranges::find(files_, file) == files_.end()) files_.push_back(file);
    }
    return std::unexpected(lines_of(error.what()));
  } catch (const std::exception& error) {
    return std::unexpected(Faults{error.what()});
  }
}

/// Tests the new encrypted upstreams. An upstream that was already unusable, and still is, does not prevent the
/// reload.
Reloader::Faults Reloader::prove(const Plan& next) {
  if (!next.config.reload.verify) return {};
  std::vector<ProofTarget> targets;
  for (std::size_t i = 0; i < next.config.upstreams.size(); ++i) {
    const auto& upstream = next.config.upstreams[i];
    if (next.tls[i] && !is_in(*plan_, upstream, next.tls[i]))
      targets.push_back({.upstream = upstream, .tls = *next.tls[i]});
  }
  const auto problems = prove_handshakes(log_, targets, proof_patience, cancelled_);
  Faults faults;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto& name = targets[i].upstream.name;
    if (problems[i].empty()) continue;
    const bool was_there =
        std::ranges::find(plan_->config.upstreams, name, &config::Upstream::name) != plan_->config.upstreams.end();
    if (was_there && !hooks_.is_reachable(name)) {
      log_.warn("upstream was unreachable before the reload and still is",
                {{"upstream", name}, {"detail", problems[i]}});
    } else {
      faults.push_back("upstreams." + name + ": no server has completed a verified TLS handshake: " + problems[i] +
                       "; allowed: at least one server that completes it within 5 s, or `reload: {verify: false}`");
    }
  }
  return faults;
}

}  // namespace pillion::app
