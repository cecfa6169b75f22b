#pragma once
// A client's query from arrival to answer, and the path of its answer.

#include <netinet/in.h>

#include <cstddef>
#include <memory>

#include "dns/query.hpp"
#include "resolve/kept_answer.hpp"
#include "runtime/clock.hpp"
#include "server/client_address.hpp"
#include "server/observer.hpp"

namespace pillion::server {

/// Both ends of a datagram. A socket that is bound to a wildcard needs the local one, since the answer must come from
/// the address that the query was sent to.
struct DatagramPath {
  sockaddr_in6 peer{};  ///< a sockaddr_in if its family says so
  socklen_t peer_size = 0;
  in6_addr local{};
  int interface = 0;
};

class QueryHandler;
class ClientQuery;
struct ClientRecord;

/// Takes answers: a TCP session or a UDP listener.
class Responder {
 public:
  /// False if the client has not read its earlier answers, so that an answer with records could not be sent now.
  [[nodiscard]] virtual bool can_take() = 0;
  /// False if there is no memory for an answer of `size` bytes.
  [[nodiscard]] virtual bool can_hold(std::size_t size) = 0;
  /// The query has a kept answer. Calls QueryHandler::deliver() for it once can_take() is true.
  virtual void wait_to_take(ClientQuery& query) = 0;
  /// The buffer to append the answer to, or nullptr if the client is gone. This call has already written the frame's
  /// length prefix if there is one.
  virtual dns::Buffer* begin_answer(ClientQuery& query) = 0;
  /// The answer is complete. It starts at `message_start` in that buffer.
  virtual void end_answer(ClientQuery& query, std::size_t message_start) = 0;
  /// The answer cannot be made, for lack of memory. The client must not see a part of it.
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
  ClientRecord* client = nullptr;  ///< has one of this client's places among the queries in flight
  QueryOrigin origin;
  bool is_local = true;  ///< TCP only: the peer has a loopback address
  runtime::Time received;
  DatagramPath path;  ///< UDP only
  dns::KeptQuery query;
  std::shared_ptr<const resolve::KeptAnswer> kept;  ///< the answer to deliver; nullptr until there is one
  std::size_t bytes = 0;                            ///< its part of ClientRecord::query_bytes
  std::size_t kept_size = 0;  ///< bytes of `kept`, counted for only one of the queries that share it
};

}  // namespace pillion::server
