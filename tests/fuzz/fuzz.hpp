#pragma once
// The common part of all fuzz targets. A target is one file, <name>_fuzz.cpp, that defines LLVMFuzzerTestOneInput; its
// corpus is in corpus/<name>/.

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string_view>

namespace pillion::fuzz {

/// Ends the process with a message if `held` is false. libFuzzer then keeps the input.
void require(bool held, std::string_view what, std::source_location where = std::source_location::current());

}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
