#pragma once
// The messages of clients and of upstreams' servers, written by a thread of its own.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/log.hpp"
#include "server/observer.hpp"
#include "telemetry/message_record.hpp"
#include "telemetry/record_sink.hpp"
#include "upstream/observer.hpp"

namespace pillion::telemetry {

class Dnstap {
 public:
  /// Bytes of messages that wait to be written, for all shards; more are dropped and counted.
  static constexpr std::size_t queue_size = std::size_t{1} << 20U;

  struct Options {
    std::string identity;  ///< who says so; empty: nothing is said of it
    std::string version;
    std::string address;  ///< for the log: where the messages go
    std::size_t shards = 1;
  };

  /// `log` outlives this. Throws std::system_error where the thread cannot be started.
  Dnstap(const Options& options, std::unique_ptr<RecordOutput> output, runtime::Log& log);
  /// Writes what waits, for a second at the most. No observer is called any more.
  ~Dnstap();

  /// Of clients, for the thread of one shard.
  [[nodiscard]] server::QueryObserver& client_observer(std::size_t shard);
  /// Of a server, for the thread of one shard. This outlives it.
  [[nodiscard]] std::unique_ptr<upstream::MessageObserver> server_observer(std::size_t shard, const MessageEnd& server,
                                                                           SocketProtocol socket_protocol);

  // Any thread may ask.
  [[nodiscard]] std::uint64_t written() const { return sink_.written(); }
  [[nodiscard]] std::uint64_t dropped() const { return sink_.dropped(); }

 private:
  class ClientMessages;
  class ServerMessages;

  RecordSink sink_;
  std::vector<std::unique_ptr<ClientMessages>> clients_;
};

}  // namespace pillion::telemetry
