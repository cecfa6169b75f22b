// Beast is compiled here, once (BOOST_BEAST_SEPARATE_COMPILATION), so that every other file only parses its
// declarations.
#include <boost/beast/src.hpp>
