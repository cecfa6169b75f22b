#pragma once
// The image's bill of materials, if the program runs in one.

#include <string>

namespace pillion::admin {

/// The SHA-256 of the image's bill of materials, in hexadecimal; empty if there is none.
[[nodiscard]] std::string read_sbom_digest();

}  // namespace pillion::admin
