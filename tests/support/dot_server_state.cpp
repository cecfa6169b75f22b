#include "support/dot_server_state.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace pillion::test {
namespace {

constexpr std::size_t max_log = 100'000;  // entries of `queries` and of `records`

bool matches(const QueryFault& fault, std::string_view name, std::uint16_t type) {
  if (fault.times == 0 || (fault.type && *fault.type != type)) return false;
  const std::string_view pattern = fault.name;
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern;
}

TlsContext tls_context_for(const ServerSettings& settings) {
  if (!settings.identity) throw std::runtime_error("a TLS server needs an identity");
  return make_tls_context(*settings.identity, settings.tls);
}

}  // namespace

DotServerState::DotServerState(ServerSettings settings, bool tls)
    : tls_(tls), settings_(std::make_shared<const ServerSettings>(std::move(settings))) {
  if (tls_) tls_context_ = tls_context_for(*settings_);
}

std::shared_ptr<const ServerSettings> DotServerState::settings() const {
  const std::scoped_lock lock(mutex_);
  return settings_;
}

TlsContext DotServerState::tls_context() const {
  const std::scoped_lock lock(mutex_);
  return tls_context_;
}

void DotServerState::change(const std::function<void(ServerSettings&)>& edit) {
  const std::scoped_lock lock(mutex_);
  auto settings = std::make_shared<ServerSettings>(*settings_);
  edit(*settings);
  const auto certificate = [](const ServerSettings& of) { return of.identity ? of.identity->certificate() : nullptr; };
  // A new context has new ticket keys, so that one is only made if a setting of it differs.
  if (tls_ && (settings->tls != settings_->tls || certificate(*settings) != certificate(*settings_))) {
    tls_context_ = tls_context_for(*settings);
  }
  settings_ = std::move(settings);
}

void DotServerState::renew_tls_context() {
  const std::scoped_lock lock(mutex_);
  if (tls_) tls_context_ = tls_context_for(*settings_);
}

void DotServerState::add_fault(QueryFault fault) {
  const std::scoped_lock lock(mutex_);
  faults_.push_back(std::move(fault));
}

void DotServerState::clear_faults() {
  const std::scoped_lock lock(mutex_);
  faults_.clear();
}

QueryFault DotServerState::take_fault(std::string_view name, std::uint16_t type) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find_if(faults_, [&](const QueryFault& fault) { return matches(fault, name, type); });
  if (found == faults_.end()) return {};
  if (found->times != unlimited) --found->times;
  return *found;
}

void DotServerState::count_query(ReceivedQuery query) {
  count([&](Counters& counters) {
    ++counters.queries;
    if (query.transport == Transport::tls) ++counters.tls_queries;
    if (query.transport == Transport::tcp) ++counters.tcp_queries;
    if (query.transport == Transport::udp) ++counters.udp_queries;
    if (queries_.size() < max_log) queries_.push_back(std::move(query));
  });
}

void DotServerState::count_record(const ReceivedRecord& record) {
  count([&](Counters& counters) {
    ++counters.records;
    if (records_.size() < max_log) records_.push_back(record);
  });
}

Counters DotServerState::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

std::vector<ReceivedQuery> DotServerState::queries() const {
  const std::scoped_lock lock(mutex_);
  return queries_;
}

std::vector<ReceivedRecord> DotServerState::records() const {
  const std::scoped_lock lock(mutex_);
  return records_;
}

bool DotServerState::wait_for(const std::function<bool(const Counters&)>& enough,
                              std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return enough(counters_); });
}

}  // namespace pillion::test
