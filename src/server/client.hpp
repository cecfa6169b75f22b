#pragma once
// A client's query from arrival to answer, and the way its answer takes back.

#include <netinet/in.h>

#include <cstddef>
#include <memory>

#include "dns/query.hpp"
#include "resolve/kept_answer.hpp"
#include "runtime/clock.hpp"
#include "server/client_address.hpp"
#include "server/metrics.hpp"
#include "server/observer.hpp"

namespace pillion::server {

/// A datagram's two ends. The local one matters for sockets bound to a wildcard: the answer must come from where the
/// query went.
struct DatagramPath {
  sockaddr_in6 peer{};  ///< or a sockaddr_in, as the family says
  socklen_t peer_size = 0;
  in6_addr local{};
  int interface = 0;
};

class QueryHandler;
class ClientQuery;
struct ClientRecord;

/// Where answers go: a TCP session or a UDP listener.
class Responder {
 public:
  /// False if an answer with records would only lie about: the client has not taken what it was given before.
  [[nodiscard]] virtual bool can_take() = 0;
  /// False if there is no memory for an answer of so many bytes.
  [[nodiscard]] virtual bool can_hold(std::size_t size) = 0;
  /// The query has a kept answer, for QueryHandler::deliver() as soon as can_take().
  virtual void wait_to_take(ClientQuery& query) = 0;
  /// Where to append the answer; nullptr where the client is gone. A frame's length prefix is written here.
  virtual dns::Buffer* begin_answer(ClientQuery& query) = 0;
  /// The answer starts at `message_start` of that buffer and is whole.
  virtual void end_answer(ClientQuery& query, std::size_t message_start) = 0;
  /// The answer that may have been begun cannot be made, for want of memory: the client is not to see a part of it.
  virtual void abandon_answer(ClientQuery& query) = 0;
  /// The query is over, answered or not.
  virtual void forget(ClientQuery& query) = 0;

 protected:
  ~Responder() = default;
};

/// An accepted query that has not been answered.
class ClientQuery final : public resolve::Request {
 public:
  void answered(const resolve::Answer& answer) override;
  [[nodiscard]] bool can_take() const override { return responder->can_take(); }
  void keep(const std::shared_ptr<const resolve::KeptAnswer>& answer) override;

  QueryHandler* handler = nullptr;
  Responder* responder = nullptr;
  ClientRecord* client = nullptr;  ///< holds its place
  QueryOrigin origin;
  bool is_local = true;  ///< TCP only: from a loopback address
  runtime::Time received;
  DatagramPath path;  ///< UDP only
  dns::KeptQuery query;
  std::shared_ptr<const resolve::KeptAnswer> kept;  ///< to be delivered; nullptr until then
  std::size_t kept_size = 0;                        ///< of it, for one of the queries that it is kept for
};

}  // namespace pillion::server
