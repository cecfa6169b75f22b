#include "fuzz/fuzz.hpp"

#include <cstdio>
#include <cstdlib>

namespace pillion::fuzz {

void require(bool held, std::string_view what, std::source_location where) {
  if (held) return;
  std::fprintf(stderr, "%s:%u: not so: %.*s\n", where.file_name(), static_cast<unsigned>(where.line()),
               static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace pillion::fuzz
