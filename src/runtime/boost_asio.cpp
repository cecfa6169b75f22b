// Compiles Asio once (BOOST_ASIO_SEPARATE_COMPILATION), so that every other file only parses its declarations.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
