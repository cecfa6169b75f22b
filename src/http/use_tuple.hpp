#pragma once
// How the coroutines of this room await an operation. They return expected errors and handle them where they happen.
// Only unexpected exceptions reach the task group, which reports them.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pillion::http {

/// The awaited value is a tuple of the error and what else the operation gives.
inline constexpr auto use_tuple = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace pillion::http
