#include "admin/finding.hpp"

#include "runtime/enum_array.hpp"

namespace pillion::admin {

std::string_view to_string(Severity severity) {
  constexpr runtime::EnumArray<Severity, std::string_view, 4> words = {"ok", "notice", "warning", "critical"};
  return words[severity];
}

bool needs_attention(Severity severity) {
  switch (severity) {
    case Severity::warning:
    case Severity::critical:
      return true;
    case Severity::ok:
    case Severity::notice:
      break;
  }
  return false;
}

std::string_view to_string(Fault fault) {
  constexpr runtime::EnumArray<Fault, std::string_view, 6> words = {"none",    "upstream", "network",
                                                                    "clients", "pillion",  "configuration"};
  return words[fault];
}

}  // namespace pillion::admin
