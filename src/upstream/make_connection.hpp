#pragma once
// A connection to a server over whichever transport: a pool's, and those of the subcommands that ask a server
// themselves.

#include <cstdint>
#include <memory>
#include <optional>

#include "config/config.hpp"
#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/observer.hpp"
#include "upstream/server_profile.hpp"
#include "upstream/tls.hpp"

namespace pillion::upstream {

/// What all connections to one server over one transport are made from. They refer to it.
struct ServerAccess {
  /// `padding`: block size in bytes, used over TLS alone: in the clear there is nothing to hide. `tls` outlives this;
  /// nullptr unless the protocol is tls. Throws as TlsIdentity does.
  ServerAccess(const config::Server& server, config::Protocol protocol, std::uint16_t padding, TlsContext* tls);

  config::Endpoint endpoint;
  config::Protocol protocol;
  Encoding encoding;
  ConnectionLimits limits;
  TlsContext* tls;
  std::optional<TlsIdentity> identity;        ///< with TLS
  std::unique_ptr<MessageObserver> observer;  ///< of each connection; nullptr: nobody wants to know
};

/// Not yet started. All that it is given outlives it.
[[nodiscard]] std::unique_ptr<Connection> make_connection(runtime::Loop& loop, ServerAccess& access,
                                                          ConnectionEvents& events, ServerProfile& profile);

}  // namespace pillion::upstream
