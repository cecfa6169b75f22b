// The HTTP servers of the App: probes and scrapes, and the admin server.

#include <algorithm>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "app/app.hpp"
#include "app/descriptors.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

std::vector<http::HttpServer::Endpoint> endpoints_of(const std::vector<config::Endpoint>& listen) {
  std::vector<http::HttpServer::Endpoint> endpoints;
  endpoints.reserve(listen.size());
  for (const auto& endpoint : listen) endpoints.emplace_back(asio::ip::make_address(endpoint.address), endpoint.port);
  return endpoints;
}

std::vector<config::Endpoint> addresses_of(const std::vector<http::HttpServer::Endpoint>& endpoints) {
  std::vector<config::Endpoint> addresses;
  addresses.reserve(endpoints.size());
  for (const auto& endpoint : endpoints) addresses.push_back({endpoint.address().to_string(), endpoint.port()});
  return addresses;
}

std::vector<std::string> texts_of(const std::vector<config::Endpoint>& addresses) {
  std::vector<std::string> texts;
  texts.reserve(addresses.size());
  for (const auto& address : addresses) texts.push_back(config::to_string(address));
  return texts;
}

}  // namespace

std::vector<std::string> App::dns_texts() const {
  return texts_of(listen_addresses().dns);
}

admin::ConfigView config_view(const std::shared_ptr<const Plan>& plan) {
  admin::ConfigView view{.config = {plan, &plan->config}, .tls = {}};
  for (std::size_t i = 0; i < plan->tls.size(); ++i) {
    if (const auto& tls = plan->tls[i])
      view.tls.push_back({.upstream = plan->config.upstreams[i].name,
                          .authorities = tls->authorities(),
                          .client_not_after = tls->client_not_after()});
  }
  return view;
}

void App::make_http(std::size_t max_connections) {
  const auto& config = plan_->config;
  if (config.http.listen.empty() && config.admin.listen.empty()) return;
  http_ = std::make_unique<HttpThread>(log_);
  if (!config.http.listen.empty()) serve_probes(max_connections);
  if (!config.admin.listen.empty()) serve_admin();
}

void App::serve_probes(std::size_t max_connections) {
  auto site = http::read_only_site({.metrics = [this] { return exporter_->text(); },
                                    .health = [this](http::HealthProbe probe) { return health(probe); }});
  try {
    http_addresses_ = addresses_of(
        http_->serve(endpoints_of(plan_->config.http.listen), {.max_connections = max_connections}, std::move(site)));
  } catch (const http::ListenError& error) {
    throw server::BindError(error.what());
  }
}

/// Starts the admin server. If its address is in use, only the admin server is missing, since the pod's DNS must not
/// depend on it.
void App::serve_admin() {
  std::vector<admin::PostToShard> shards;
  shards.reserve(shards_.size());
  for (const auto& shard : shards_) {
    shards.emplace_back(
        [&shard = *shard](std::function<void(admin::ShardView&)> visit) { shard.look(std::move(visit)); });
  }
  auto service =
      std::make_unique<admin::AdminService>(http_->io(), log_, std::move(shards), admin_hooks(), config_view(plan_));
  try {
    admin_addresses_ = addresses_of(http_->serve(endpoints_of(plan_->config.admin.listen),
                                                 {.max_connections = admin_connections}, service->site()));
  } catch (const http::ListenError& error) {
    log_.error("the admin server cannot start", {{"error", error.what()}});
    return;
  }
  admin_ = std::move(service);
  http_->add_task(admin_->remember(), "admin figures", [this] { admin_->stop(); });
}

admin::ProcessState App::process_state() const {
  if (draining_.value()) return admin::ProcessState::draining;
  return health(http::HealthProbe::startup).ok ? admin::ProcessState::ready : admin::ProcessState::starting;
}

admin::AdminHooks App::admin_hooks() {
  return {.sources = [this]() -> const telemetry::Sources& { return exporter_->sources(); },
          .state = [this] { return process_state(); },
          .loops_turn = [this] { return liveness().ok; },
          .listen =
              [this] {
                return admin::ListenView{
                    .dns = dns_texts_, .http = texts_of(http_addresses_), .admin = texts_of(admin_addresses_)};
              },
          .request_reload =
              [this] {
                if (reloader_) reloader_->request("admin server");
                return reloader_ != nullptr;
              },
          .reloads = [this]() -> std::optional<admin::ReloadCounts> {
            const auto report = reloader_ ? reloader_->report() : std::nullopt;
            if (!report) return std::nullopt;
            return admin::ReloadCounts{.started = report->started,
                                       .finished = report->finished,
                                       .succeeded = report->succeeded,
                                       .text = report->text};
          },
          .drain = [this] { stop(); },
          .log_level = [this] { return log_.level(); },
          .set_log_level =
              [this](runtime::LogLevel level) {
                log_.set_level(level);
                log_.warn("a request to the admin server set the log level", {{"level", admin::to_string(level)}});
              }};
}

}  // namespace pillion::app
