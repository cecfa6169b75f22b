// Compiles Beast once (BOOST_BEAST_SEPARATE_COMPILATION), so that every other file only parses its declarations.
#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 with a sanitizer mistakes an empty boost::optional for an uninitialized one.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <boost/beast/src.hpp>
