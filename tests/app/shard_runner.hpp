#pragma once
// A whole shard in a thread of its own, between a test server and test clients on loopback.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/shard.hpp"
#include "config/config.hpp"
#include "runtime/log.hpp"
#include "support/dns_client.hpp"
#include "support/dot_server.hpp"
#include "support/temporary_directory.hpp"
#include "upstream/error.hpp"

namespace pillion::app::testing {

/// Keeps the lines as "message key=value …", of all levels.
class RecordingLog final : public runtime::Log {
 public:
  RecordingLog() : Log(runtime::LogLevel::debug) {}
  /// Is there a line that has all of these parts?
  [[nodiscard]] bool has(const std::vector<std::string>& parts) const;
  [[nodiscard]] std::size_t count(const std::string& message) const;

 private:
  void write(runtime::LogLevel level, std::string_view message, std::span<const runtime::Field> fields) override;

  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Starts at construction; drained without grace and joined at destruction.
class ShardRunner {
 public:
  /// `config` is used as it is; tests listen on port 0.
  explicit ShardRunner(const config::Config& config);
  ~ShardRunner();
  ShardRunner(const ShardRunner&) = delete;
  ShardRunner& operator=(const ShardRunner&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] test::StreamClient connect() const { return {"127.0.0.1", port_}; }
  [[nodiscard]] const server::DnsMetrics& server() const { return shard_.server_metrics(); }
  [[nodiscard]] const upstream::ServerMetrics& upstream(std::size_t i = 0) const { return *metrics_.servers.at(i); }
  [[nodiscard]] const upstream::ServerMetrics& fallback(std::size_t i = 0) const { return *metrics_.fallbacks.at(i); }
  [[nodiscard]] const resolve::Resolver& resolver() const { return shard_.resolver(); }
  [[nodiscard]] std::uint64_t failures(upstream::Error error, std::size_t i = 0) const {
    return upstream(i).failures[error].value();
  }
  [[nodiscard]] std::uint64_t all_failures(std::size_t i = 0) const;
  [[nodiscard]] const runtime::MemoryShares& memory() const { return shard_.memory(); }
  [[nodiscard]] std::uint64_t refused(server::Refusal refusal) const { return server().refused[refusal].value(); }
  [[nodiscard]] const RecordingLog& log() const { return log_; }
  /// For what is thread-safe.
  [[nodiscard]] Shard& shard() { return shard_; }

  /// Calls `action` on the shard's thread and returns when it has been.
  void in_loop(const std::function<void()>& action);
  /// Starts draining; `is_done()` when the shard has ended.
  void drain(const DrainTerms& terms);
  [[nodiscard]] bool is_done() const { return done_.load(); }
  /// Answers that were thrown away at the end of the drain. To be called when it is done.
  [[nodiscard]] std::uint64_t undelivered() const { return undelivered_.load(); }

 private:
  RecordingLog log_;
  std::shared_ptr<const Plan> plan_;
  SharedParts shared_;
  Shard shard_;
  GroupMetrics metrics_;
  std::uint16_t port_;
  std::atomic<bool> done_ = false;
  std::atomic<std::uint64_t> undelivered_ = 0;
  std::thread thread_;
};

/// Looks again until `holds()` does; false where it does not within a bound that is far more than any test needs.
[[nodiscard]] bool eventually(const std::function<bool()>& holds);

/// A configuration that asks `servers` (as "127.0.0.1:port" ports) and listens on a port of the kernel's choice.
[[nodiscard]] config::Config make_config(config::Protocol protocol, const std::vector<std::uint16_t>& ports);

/// A CA, a good server that it vouches for, and the configuration that trusts it.
class TlsSetup {
 public:
  TlsSetup() : TlsSetup(test::CertificateOptions{}) {}
  explicit TlsSetup(const test::CertificateOptions& certificate);

  /// Of further servers with certificates of this CA.
  [[nodiscard]] test::ServerOptions server_options(const test::CertificateOptions& certificate = {}) const;

  test::CertificateAuthority authority;
  test::TemporaryDirectory directory;
  test::DotServer server;
  config::Config config;
};

/// What the server was asked for clients, in the order of its coming: not the loop probe, which comes when it will.
[[nodiscard]] std::vector<test::ReceivedQuery> queries_of_clients(const test::DotServer& server);

/// What a client sees of an answer.
struct Seen {
  std::uint16_t rcode = 0;
  std::uint16_t answers = 0;
  std::string extended_error;  ///< the text of the first Extended DNS Error
};
[[nodiscard]] Seen read_answer(dns::Bytes message);

/// Asks one question with EDNS on a connection of its own. Fails the test where there is no answer.
[[nodiscard]] Seen ask(const ShardRunner& shard, std::string_view name, std::uint16_t type = dns::type::a);

/// Sends `count` questions at once ("q0.example", …, ids from 0) on one connection.
void send_many(test::StreamClient& client, std::size_t count, const std::string& prefix = "q");
/// Reads that many answers; the ids that had NOERROR and an answer record. Fewer where the connection ended or time ran
/// out.
[[nodiscard]] std::vector<std::uint16_t> receive_many(test::StreamClient& client, std::size_t count);

}  // namespace pillion::app::testing
