#pragma once
// dnstap: the DNS messages of clients and of upstream servers. A separate thread writes them.

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
  /// Bytes of messages of all shards that may wait to be written. Further ones are dropped and counted.
  static constexpr std::size_t queue_size = std::size_t{1} << 20U;

  struct Options {
    std::string identity;  ///< the field `identity` of each message; empty: the field is left out
    std::string version;
    std::string address;  ///< in the log: the destination of the messages
    std::size_t shards = 1;
  };

  /// `log` must outlive this object. Throws std::system_error if the thread cannot be started.
  Dnstap(const Options& options, std::unique_ptr<RecordOutput> output, runtime::Log& log);
  /// Writes the waiting messages, for at most one second. No thread may call an observer any more.
  ~Dnstap();

  /// The observers of clients' messages. Only the thread of this shard may call them.
  [[nodiscard]] server::QueryObserver& query_observer(std::size_t shard);
  [[nodiscard]] server::AnswerObserver& answer_observer(std::size_t shard);
  /// The observer of one server's messages. Only the thread of this shard may call it. It must be destroyed before this
  /// object.
  [[nodiscard]] std::unique_ptr<upstream::MessageObserver> server_observer(std::size_t shard, const MessageEnd& server,
                                                                           SocketProtocol socket_protocol);

  // Any thread may call these.
  [[nodiscard]] std::uint64_t written() const { return sink_.written(); }
  [[nodiscard]] std::uint64_t dropped() const { return sink_.dropped(); }

 private:
  class ClientMessages;
  class ServerMessages;

  RecordSink sink_;
  std::vector<std::unique_ptr<ClientMessages>> clients_;
};

}  // namespace pillion::telemetry
