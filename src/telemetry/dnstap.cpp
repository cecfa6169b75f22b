#include "telemetry/dnstap.hpp"

#include <utility>

#include "telemetry/dnstap_encoder.hpp"

namespace pillion::telemetry {
namespace {

void put(TurnRecords& records, const MessageRecord& record) {
  const auto space = records.begin(packed_size(record));
  if (space.empty()) return;
  pack(record, space);
  records.commit();
}

MessageEnd end_of(const server::QueryOrigin& origin) {
  return {.address = origin.address, .port = origin.port, .is_ipv4 = origin.family == server::IpFamily::ipv4};
}

SocketProtocol socket_protocol_of(const server::QueryOrigin& origin) {
  return origin.transport == server::Transport::udp ? SocketProtocol::udp : SocketProtocol::tcp;
}

}  // namespace

class Dnstap::ClientMessages final : public server::QueryObserver, public server::AnswerObserver {
 public:
  explicit ClientMessages(TurnRecords& records) : records_(records) {}

  void received(const server::ReceivedQuery& query) override {
    put(records_, {.type = MessageType::client_query,
                   .socket_protocol = socket_protocol_of(query.origin),
                   .end = end_of(query.origin),
                   .query_time = query.received,
                   .response_time = {},
                   .message = query.message});
  }
  bool takes_next() override { return records_.admits(least_packed_message_size); }
  void answered(const server::AnsweredQuery& query) override {
    put(records_, {.type = MessageType::client_response,
                   .socket_protocol = socket_protocol_of(query.origin),
                   .end = end_of(query.origin),
                   .query_time = query.received,
                   .response_time = query.answered,
                   .message = query.message});
  }

 private:
  TurnRecords& records_;
};

class Dnstap::ServerMessages final : public upstream::MessageObserver {
 public:
  ServerMessages(TurnRecords& records, const MessageEnd& server, SocketProtocol socket_protocol)
      : records_(records), server_(server), socket_protocol_(socket_protocol) {}

  void sent(dns::Bytes query, runtime::Time now) override {
    put(records_, {.type = MessageType::forwarder_query,
                   .socket_protocol = socket_protocol_,
                   .end = server_,
                   .query_time = now,
                   .response_time = {},
                   .message = query});
  }
  void received(dns::Bytes reply, runtime::Time sent, runtime::Time now) override {
    put(records_, {.type = MessageType::forwarder_response,
                   .socket_protocol = socket_protocol_,
                   .end = server_,
                   .query_time = sent,
                   .response_time = now,
                   .message = reply});
  }

 private:
  TurnRecords& records_;
  MessageEnd server_;
  SocketProtocol socket_protocol_;
};

Dnstap::Dnstap(const Options& options, std::unique_ptr<RecordOutput> output, runtime::Log& log)
    : sink_({.name = "dnstap",
             .thread_name = "pillion-dnstap",
             .address = options.address,
             .writers = options.shards,
             .queue = queue_size},
            std::make_unique<DnstapEncoder>(options.identity, options.version), std::move(output), log) {}

Dnstap::~Dnstap() = default;

Dnstap::ShardMessages& Dnstap::add_shard(std::size_t shard, runtime::Loop& loop) {
  return *shards_.emplace_back(std::make_unique<ShardMessages>(sink_, shard, loop));
}

Dnstap::ShardMessages::ShardMessages(RecordSink& sink, std::size_t shard, runtime::Loop& loop)
    : records_(sink, shard, loop), clients_(std::make_unique<ClientMessages>(records_)) {}

Dnstap::ShardMessages::~ShardMessages() = default;

server::QueryObserver& Dnstap::ShardMessages::query_observer() {
  return *clients_;
}

server::AnswerObserver& Dnstap::ShardMessages::answer_observer() {
  return *clients_;
}

std::unique_ptr<upstream::MessageObserver> Dnstap::ShardMessages::server_observer(const MessageEnd& server,
                                                                                  SocketProtocol socket_protocol) {
  return std::make_unique<ServerMessages>(records_, server, socket_protocol);
}

}  // namespace pillion::telemetry
