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
#include "telemetry/turn_records.hpp"
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

  class ClientMessages;
  class ServerMessages;

  /// The messages of one shard. Only the shard's thread may call the observers.
  class ShardMessages {
   public:
    ShardMessages(RecordSink& sink, std::size_t shard, runtime::Loop& loop);
    ~ShardMessages();
    ShardMessages(const ShardMessages&) = delete;
    ShardMessages& operator=(const ShardMessages&) = delete;

    /// The observers of clients' messages. They live as long as this object.
    [[nodiscard]] server::QueryObserver& query_observer();
    [[nodiscard]] server::AnswerObserver& answer_observer();
    /// The observer of one server's messages. It must be destroyed before this object.
    [[nodiscard]] std::unique_ptr<upstream::MessageObserver> server_observer(const MessageEnd& server,
                                                                             SocketProtocol socket_protocol);

   private:
    TurnRecords records_;
    std::unique_ptr<ClientMessages> clients_;
  };

  /// Called once for each shard, by one thread. The result lives as long as this object.
  [[nodiscard]] ShardMessages& add_shard(std::size_t shard, runtime::Loop& loop);

  // Any thread may call these.
  [[nodiscard]] std::uint64_t written() const { return sink_.written(); }
  [[nodiscard]] std::uint64_t dropped() const { return sink_.dropped(); }

 private:
  RecordSink sink_;
  std::vector<std::unique_ptr<ShardMessages>> shards_;
};

}  // namespace pillion::telemetry
