#pragma once
// The version and commit that this program was built from. build_info.cmake generates the definitions at each build,
// so that the commit is the compiled one.

#include <string_view>

namespace pillion::runtime::build_info {

/// Such as "0.1.0".
[[nodiscard]] std::string_view version();
/// Twelve hexadecimal digits, followed by "-dirty" if the working tree had changes. "unknown" if the build found no
/// repository.
[[nodiscard]] std::string_view commit();
/// The versions of libraries whose headers do not state them.
[[nodiscard]] std::string_view yaml_cpp_version();
[[nodiscard]] std::string_view prometheus_cpp_version();

}  // namespace pillion::runtime::build_info
