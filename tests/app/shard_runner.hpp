#pragma once
// A whole shard in its own thread, between a test server and test clients on loopback.

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
  /// True if a line has all of these parts.
  [[nodiscard]] bool has(const std::vector<std::string>& parts) const;
  [[nodiscard]] std::size_t count(const std::string& message) const;

 private:
  void write(runtime::LogLevel level, std::string_view message, std::span<const runtime::Field> fields) override;

  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Starts at construction. The destructor drains it without grace and joins the thread.
class ShardRunner {
 public:
  /// `config` is used unchanged. Tests listen on port 0.
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
  /// For thread-safe functions only.
  [[nodiscard]] Shard& shard() { return shard_; }

  /// Calls `action` on the shard's thread, and returns after the call.
  void in_loop(const std::function<void()>& action);
  /// Starts the drain; is_done() becomes true when the shard has ended.
  void drain(const DrainTerms& terms);
  [[nodiscard]] bool is_done() const { return done_.load(); }
  /// The number of answers that were discarded at the end of the drain. Call it after the drain.
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

/// Polls until `holds()` is true. False if it is not within a time far longer than any test needs.
[[nodiscard]] bool eventually(const std::function<bool()>& holds);

/// A configuration with the upstream servers 127.0.0.1:PORT for each of `servers`, which listens on a port of the
/// kernel's choice.
[[nodiscard]] config::Config make_config(config::Protocol protocol, const std::vector<std::uint16_t>& ports);

/// A CA, a server with a certificate of it, and a configuration that trusts it.
class TlsSetup {
 public:
  TlsSetup() : TlsSetup(test::CertificateOptions{}) {}
  explicit TlsSetup(const test::CertificateOptions& certificate);

  /// Settings of further servers with certificates of this CA.
  [[nodiscard]] test::ServerOptions server_options(const test::CertificateOptions& certificate = {}) const;

  test::CertificateAuthority authority;
  test::TemporaryDirectory directory;
  test::DotServer server;
  config::Config config;
};

/// The questions that the server got for clients, in order, without loop probes, which come at any time.
[[nodiscard]] std::vector<test::ReceivedQuery> queries_of_clients(const test::DotServer& server);

/// The parts of an answer that the tests compare.
struct Seen {
  std::uint16_t rcode = 0;
  std::uint16_t answers = 0;
  std::string extended_error;  ///< the text of the first Extended DNS Error
};
[[nodiscard]] Seen read_answer(dns::Bytes message);

/// Asks one question with EDNS on its own connection. Fails the test if there is no answer.
[[nodiscard]] Seen ask(const ShardRunner& shard, std::string_view name, std::uint16_t type = dns::type::a);

/// Sends `count` questions at once ("q0.example", …, ids from 0) on one connection.
void send_many(test::StreamClient& client, std::size_t count, const std::string& prefix = "q");
/// Reads that many answers. Returns the ids of those with NOERROR and an answer record; fewer if the connection ended
/// or the time was over.
[[nodiscard]] std::vector<std::uint16_t> receive_many(test::StreamClient& client, std::size_t count);

}  // namespace pillion::app::testing
