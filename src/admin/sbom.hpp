#pragma once
// The image's bill of materials, if the program runs in one.

#include <string>

namespace pillion::admin {

/// SHA-256, in hexadecimal, of the bill that lies where the image has it; empty where there is none.
[[nodiscard]] std::string read_sbom_digest();

}  // namespace pillion::admin
