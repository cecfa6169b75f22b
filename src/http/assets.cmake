# Writes the definition of http/assets.hpp; run with -D OUTPUT, FILES, a list of files, and PATHS, where each is served. JSON is stored without
# its indentation, everything else as it is.
set(types .html text/html .css text/css .js text/javascript .svg image/svg+xml .json application/json)
set(arrays "")
set(entries "")
set(number 0)
foreach(file path IN ZIP_LISTS FILES PATHS)
  get_filename_component(extension ${file} LAST_EXT)
  list(FIND types "${extension}" at)
  if(at LESS 0)
    message(FATAL_ERROR "${file}: what content type has ${extension}? assets.cmake does not know")
  endif()
  file(SHA256 ${file} digest)
  string(SUBSTRING ${digest} 0 16 tag)
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  if(type MATCHES "^text/")
    # Not in the list: its semicolon would part the entry in two.
    string(APPEND type "; charset=utf-8")
  endif()
  file(READ ${file} hex HEX)
  if(extension STREQUAL ".json")
    # A line's end and the blanks behind it; a string of JSON has none. The bytes are looked at in pairs of digits.
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\1 " hex "${hex}")
    string(REGEX REPLACE "0a (20 )*" "" hex "${hex}")
    string(REPLACE " " "" hex "${hex}")
  endif()
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char asset_${number}[] = {${bytes}};\n")
  string(APPEND entries "    {\"${path}\", \"${type}\", R\"(\"${tag}\")\", text_of(asset_${number})},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[#include "http/assets.hpp"

#include <array>
#include <cstddef>

namespace pillion::http {
namespace {

@arrays@
template <std::size_t size>
std::string_view text_of(const unsigned char (&bytes)[size]) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::span<const Asset> assets() {
  static const std::array<Asset, @number@> all{{
@entries@  }};
  return all;
}

}  // namespace pillion::http
]])
