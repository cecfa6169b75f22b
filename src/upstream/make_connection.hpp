#pragma once
// Makes a connection to a server over any transport, for pools and for subcommands that ask a server themselves.

#include <cstdint>
#include <memory>
#include <optional>

#include "config/config.hpp"
#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/observer.hpp"
#include "upstream/server_profile.hpp"
#include "upstream/tls_context.hpp"
#include "upstream/tls_identity.hpp"

namespace pillion::upstream {

/// The settings of all connections to one server over one transport. The connections refer to it.
struct ServerAccess {
  /// `padding` is the block size in bytes, which is only used over TLS. `tls` must outlive this; it is nullptr unless
  /// the protocol is tls. Throws what TlsIdentity throws.
  ServerAccess(const config::Server& server, config::Protocol protocol, std::uint16_t padding, TlsContext* tls);

  config::Endpoint endpoint;
  config::Protocol protocol;
  Encoding encoding;
  ConnectionLimits limits;
  TlsContext* tls;
  std::optional<TlsIdentity> identity;        ///< set with TLS
  std::unique_ptr<MessageObserver> observer;  ///< of each connection; nullptr: nobody wants to know
};

/// Makes a connection and does not start it. All arguments must outlive it.
[[nodiscard]] std::unique_ptr<Connection> make_connection(runtime::Loop& loop, ServerAccess& access,
                                                          ConnectionEvents& events, ServerProfile& profile);

}  // namespace pillion::upstream
