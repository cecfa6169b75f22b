#include "app/observers.hpp"

#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "app/syslog.hpp"
#include "config/query_log_reader.hpp"
#include "config/read_file.hpp"
#include "config/sink_address.hpp"
#include "runtime/build_info.hpp"
#include "runtime/random.hpp"
#include "server/address.hpp"
#include "telemetry/connect_socket.hpp"
#include "telemetry/frame_stream_output.hpp"
#include "telemetry/line_outputs.hpp"

namespace pillion::app {
namespace {

config::SinkAddress address_of(const std::string& written) {
  auto address = config::parse_sink_address(written);
  if (!address) throw std::runtime_error(address.error());
  return std::move(*address);
}

std::unique_ptr<telemetry::RecordOutput> output_of(const std::string& written, const config::SyslogSettings& syslog) {
  if (written == "syslog") return syslog_output(syslog);
  if (written == "stderr") return telemetry::descriptor_output(STDERR_FILENO);
  const auto address = address_of(written);
  return address.kind == config::SinkKind::file ? telemetry::file_output(address.path)
                                                : telemetry::unix_socket_output(address.path);
}

std::optional<telemetry::NameHash> hash_of(const config::QueryLogSettings& settings) {
  if (settings.names == config::LoggedNames::plain) return std::nullopt;
  if (settings.key_file.empty()) return telemetry::NameHash::with_random_key();
  const auto key = config::read_file(settings.key_file, config::max_key_size);
  if (!key) throw std::runtime_error("query_log.key_file: " + settings.key_file + ": " + key.error());
  return telemetry::NameHash(*key);
}

telemetry::QueryLogFields fields_of(const config::QueryLogSettings& settings) {
  telemetry::QueryLogFields fields{};
  if (settings.fields.empty()) fields.fill(true);
  for (const auto field : settings.fields) fields[field] = true;
  return fields;
}

telemetry::ConnectSocket connect_to(const config::SinkAddress& address) {
  if (address.kind == config::SinkKind::tcp)
    return [endpoint = address.endpoint](telemetry::SinkWaits& waits) {
      return telemetry::connect_tcp_socket(endpoint, waits);
    };
  return [path = address.path](telemetry::SinkWaits& /*waits*/) { return telemetry::connect_unix_socket(path); };
}

telemetry::MessageEnd end_of(const config::Endpoint& server) {
  const auto address = boost::asio::ip::make_address(server.address);
  return {.address = server::client_address(address), .port = server.port, .is_ipv4 = address.is_v4()};
}

telemetry::SocketProtocol socket_protocol_of(config::Protocol protocol) {
  switch (protocol) {
    case config::Protocol::tls:
      return telemetry::SocketProtocol::tls;
    case config::Protocol::tcp:
      return telemetry::SocketProtocol::tcp;
    case config::Protocol::udp:
      break;
  }
  return telemetry::SocketProtocol::udp;
}

}  // namespace

Observers::Observers(const config::Config& config, runtime::Log& log)
    : taps_clients_(config.dnstap.client), taps_servers_(config.dnstap.forwarder) {
  if (const auto& settings = config.query_log; !settings.output.empty()) {
    const bool is_syslog = settings.output == "syslog";
    query_log_.emplace(
        telemetry::QueryLog::Options{.fields = fields_of(settings),
                                     .sample = settings.sample,
                                     .hash = hash_of(settings),
                                     .header = is_syslog ? std::optional(syslog_header("query")) : std::nullopt,
                                     .address = is_syslog ? config.syslog.output : settings.output,
                                     .shards = config.threads,
                                     .seed = runtime::Random().u64()},
        output_of(settings.output, config.syslog), log);
  }
  if (const auto& settings = config.dnstap; !settings.output.empty()) {
    dnstap_.emplace(
        telemetry::Dnstap::Options{.identity = settings.identity.empty() ? own_host_name() : settings.identity,
                                   .version = "pillion " + std::string(runtime::build_info::version()),
                                   .address = settings.output,
                                   .shards = config.threads},
        telemetry::frame_stream_output(connect_to(address_of(settings.output))), log);
  }
}

ShardObservers Observers::of_shard(std::size_t shard, runtime::Loop& loop) {
  ShardObservers observers;
  if (query_log_) observers.of_answers.push_back(&query_log_->add_observer(shard, loop));
  if (!dnstap_) return observers;
  auto& messages = dnstap_->add_shard(shard, loop);
  if (taps_clients_) {
    observers.of_queries.push_back(&messages.query_observer());
    observers.of_answers.push_back(&messages.answer_observer());
  }
  if (taps_servers_)
    observers.of_server = [&messages](const config::Endpoint& server, config::Protocol protocol) {
      return messages.server_observer(end_of(server), socket_protocol_of(protocol));
    };
  return observers;
}

void Observers::add_sources(telemetry::Sources& sources) const {
  const auto add = [&](const char* name, const auto& sink) {
    if (!sink) return;
    sources.sinks.push_back({.name = name,
                             .written = [&sink = *sink] { return sink.written(); },
                             .dropped = [&sink = *sink] { return sink.dropped(); }});
  };
  add("query_log", query_log_);
  add("dnstap", dnstap_);
}

}  // namespace pillion::app
