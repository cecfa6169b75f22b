#include "telemetry/dnstap.hpp"

#include <utility>

#include "telemetry/dnstap_encoder.hpp"

namespace pillion::telemetry {
namespace {

void put(RecordSink& sink, std::size_t shard, const MessageRecord& record) {
  auto& ring = sink.ring(shard);
  const auto space = ring.begin(packed_size(record));
  if (space.empty()) return;
  pack(record, space);
  ring.commit();
  sink.wakeup().notify();
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
  ClientMessages(RecordSink& sink, std::size_t shard) : sink_(sink), shard_(shard) {}

  void received(const server::ReceivedQuery& query) override {
    put(sink_, shard_,
        {.type = MessageType::client_query,
         .socket_protocol = socket_protocol_of(query.origin),
         .end = end_of(query.origin),
         .query_time = query.received,
         .response_time = {},
         .message = query.message});
  }
  void answered(const server::AnsweredQuery& query) override {
    put(sink_, shard_,
        {.type = MessageType::client_response,
         .socket_protocol = socket_protocol_of(query.origin),
         .end = end_of(query.origin),
         .query_time = query.received,
         .response_time = query.answered,
         .message = query.message});
  }

 private:
  RecordSink& sink_;
  std::size_t shard_;
};

class Dnstap::ServerMessages final : public upstream::MessageObserver {
 public:
  ServerMessages(RecordSink& sink, std::size_t shard, const MessageEnd& server, SocketProtocol socket_protocol)
      : sink_(sink), shard_(shard), server_(server), socket_protocol_(socket_protocol) {}

  void sent(dns::Bytes query, runtime::Time now) override {
    put(sink_, shard_,
        {.type = MessageType::forwarder_query,
         .socket_protocol = socket_protocol_,
         .end = server_,
         .query_time = now,
         .response_time = {},
         .message = query});
  }
  void received(dns::Bytes reply, runtime::Time sent, runtime::Time now) override {
    put(sink_, shard_,
        {.type = MessageType::forwarder_response,
         .socket_protocol = socket_protocol_,
         .end = server_,
         .query_time = sent,
         .response_time = now,
         .message = reply});
  }

 private:
  RecordSink& sink_;
  std::size_t shard_;
  MessageEnd server_;
  SocketProtocol socket_protocol_;
};

Dnstap::Dnstap(const Options& options, std::unique_ptr<RecordOutput> output, runtime::Log& log)
    : sink_({.name = "dnstap",
             .thread_name = "pillion-dnstap",
             .address = options.address,
             .writers = options.shards,
             .queue = queue_size},
            std::make_unique<DnstapEncoder>(options.identity, options.version), std::move(output), log) {
  for (std::size_t shard = 0; shard < options.shards; ++shard)
    clients_.push_back(std::make_unique<ClientMessages>(sink_, shard));
}

Dnstap::~Dnstap() = default;

server::QueryObserver& Dnstap::query_observer(std::size_t shard) {
  return *clients_[shard];
}

server::AnswerObserver& Dnstap::answer_observer(std::size_t shard) {
  return *clients_[shard];
}

std::unique_ptr<upstream::MessageObserver> Dnstap::server_observer(std::size_t shard, const MessageEnd& server,
                                                                   SocketProtocol socket_protocol) {
  return std::make_unique<ServerMessages>(sink_, shard, server, socket_protocol);
}

}  // namespace pillion::telemetry
