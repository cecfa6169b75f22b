#include "app/shard_runner.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <sstream>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "app/bind_addresses.hpp"
#include "app/memory_limit.hpp"
#include "dns/edns.hpp"

namespace pillion::app::testing {

using namespace std::chrono_literals;

void RecordingLog::write(runtime::LogLevel /*level*/, std::string_view message,
                         std::span<const runtime::Field> fields) {
  std::ostringstream line;
  line << message;
  for (const auto& field : fields) {
    line << ' ' << field.key << '=';
    std::visit([&](const auto& value) { line << value; }, field.value.variant());
  }
  const std::scoped_lock lock(mutex_);
  lines_.push_back(line.str());
}

bool RecordingLog::has(const std::vector<std::string>& parts) const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(lines_, [&](const std::string& line) {
    return std::ranges::all_of(parts, [&](const std::string& part) { return line.find(part) != std::string::npos; });
  });
}

std::size_t RecordingLog::count(const std::string& message) const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(lines_, [&](const std::string& line) { return line.starts_with(message); }));
}

ShardRunner::ShardRunner(const config::Config& config)
    : plan_(make_plan(config, nullptr)),
      shared_(plan_->config),
      shard_(*plan_, std::move(bind_addresses(config.dns.listen, 1).front()), shared_, log_),
      metrics_(shard_.upstreams().front().parts->metrics),
      port_(shard_.addresses().front().port) {
  shard_.start();
  thread_ = std::thread([this] { shard_.run(); });
}

ShardRunner::~ShardRunner() {
  drain({});
  thread_.join();
}

void ShardRunner::drain(const DrainTerms& terms) {
  shard_.drain(terms, [this](std::uint64_t undelivered) {
    undelivered_ = undelivered;
    done_ = true;
  });
}

void ShardRunner::in_loop(const std::function<void()>& action) {
  std::promise<void> done;
  boost::asio::post(shard_.loop().io(), [&] {
    action();
    done.set_value();
  });
  done.get_future().wait();
}

std::uint64_t ShardRunner::all_failures(std::size_t i) const {
  std::uint64_t sum = 0;
  for (const auto& counter : upstream(i).failures) sum += counter.value();
  return sum;
}

bool eventually(const std::function<bool()>& holds) {
  const auto bound = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > bound) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

config::Config make_config(config::Protocol protocol, const std::vector<std::uint16_t>& ports) {
  config::Config config;
  // The part of the memory that a sanitizer takes must not count.
  config.memory = std::size_t{4} << 30U;
  config.dns.listen = {{"127.0.0.1", 0}};
  config::Upstream upstream;
  upstream.name = "public";
  upstream.protocol = protocol;
  upstream.policy = config::PolicyKind::sequential;
  for (const auto port : ports)
    upstream.servers.push_back({.endpoint = {"127.0.0.1", port}, .tls_name = "dot.example", .pins = {}});
  config.upstreams = {upstream};
  config.routes = {{".", "public", {}}};
  config.cache.size = 0;  // the tests count queries that reach the server
  return config;
}

TlsSetup::TlsSetup(const test::CertificateOptions& certificate) : server(server_options(certificate)) {
  config = make_config(config::Protocol::tls, {server.tls_port()});
  config.upstreams.front().tls.ca_file = directory.write("ca.pem", authority.certificate_pem());
}

test::ServerOptions TlsSetup::server_options(const test::CertificateOptions& certificate) const {
  test::ServerOptions options;
  options.settings.identity = authority.issue(certificate);
  return options;
}

std::vector<test::ReceivedQuery> queries_of_clients(const test::DotServer& server) {
  auto queries = server.queries();
  std::erase_if(queries, [](const test::ReceivedQuery& query) {
    const auto view = dns::MessageView::parse(query.message);
    return view && view->question().type == dns::type::hinfo;
  });
  return queries;
}

Seen read_answer(dns::Bytes message) {
  Seen seen{.rcode = test::rcode_of(message), .answers = test::answers_of(message), .extended_error = {}};
  const auto view = dns::MessageView::parse(message);
  EXPECT_TRUE(view);
  if (!view) return seen;
  if (const auto error = dns::find_option(dns::read_edns(*view).options, dns::option::extended_error)) {
    seen.extended_error.assign(error->begin() + 2, error->end());
  }
  return seen;
}

Seen ask(const ShardRunner& shard, std::string_view name, std::uint16_t type) {
  auto client = shard.connect();
  client.send_message(test::make_query(name, type, {.edns = true}));
  const auto answer = client.receive();
  EXPECT_TRUE(answer) << "no answer to " << name;
  return answer ? read_answer(*answer) : Seen{.rcode = 0xffff, .extended_error = {}};
}

void send_many(test::StreamClient& client, std::size_t count, const std::string& prefix) {
  dns::Buffer out;
  for (std::size_t i = 0; i < count; ++i) {
    dns::append(out, test::framed(test::make_query(prefix + std::to_string(i) + ".example", dns::type::a,
                                                   {.id = static_cast<std::uint16_t>(i)})));
  }
  client.send(out);
}

std::vector<std::uint16_t> receive_many(test::StreamClient& client, std::size_t count) {
  std::vector<std::uint16_t> ids;
  for (std::size_t i = 0; i < count; ++i) {
    const auto answer = client.receive();
    if (!answer) break;
    if (test::rcode_of(*answer) == dns::rcode::noerror && test::answers_of(*answer) > 0)
      ids.push_back(test::id_of(*answer));
  }
  return ids;
}

}  // namespace pillion::app::testing
