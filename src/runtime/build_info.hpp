#pragma once
// What this program was built from. The definitions are generated at each build (build_info.cmake), so that the commit
// is the one that was compiled.

#include <string_view>

namespace pillion::runtime::build_info {

/// "0.1.0".
[[nodiscard]] std::string_view version();
/// Twelve hexadecimal digits, "-dirty" behind them where the tree had changes; "unknown" where the build saw no
/// repository.
[[nodiscard]] std::string_view commit();
/// The versions of the libraries whose headers do not say them.
[[nodiscard]] std::string_view yaml_cpp_version();
[[nodiscard]] std::string_view prometheus_cpp_version();

}  // namespace pillion::runtime::build_info
