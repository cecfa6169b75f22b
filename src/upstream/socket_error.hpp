#pragma once
// Maps errors of the operating system to ours.

#include <boost/asio/error.hpp>

#include "upstream/error.hpp"

namespace pillion::upstream {

[[nodiscard]] inline Error socket_error(const boost::system::error_code& error) {
  namespace asio_error = boost::asio::error;
  if (error == asio_error::connection_refused) return Error::connect_refused;
  if (error == asio_error::timed_out) return Error::connect_timeout;
  if (error == asio_error::connection_reset || error == asio_error::broken_pipe ||
      error == asio_error::connection_aborted)
    return Error::reset;
  if (error == asio_error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system ||
      error == asio_error::no_memory || error == asio_error::no_buffer_space)
    return Error::no_resources;
  return Error::unreachable;
}

}  // namespace pillion::upstream
