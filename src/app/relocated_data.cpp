#include "app/relocated_data.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <link.h>

namespace pillion::app {
namespace {

/// The part that becomes read-only after relocation (PT_GNU_RELRO) begins with .data.rel.ro and ends with .dynamic and
/// .got, through which functions are called.
[[maybe_unused]] int discard_of(dl_phdr_info* object, std::size_t /*size*/, void* /*unused*/) {
  const std::string_view name(object->dlpi_name);
  if (name.find("/libc.") != std::string_view::npos || name.find("/ld-") != std::string_view::npos) return 0;
  std::uintptr_t start = 0, end = 0, dynamic = 0;
  for (std::size_t i = 0; i < object->dlpi_phnum; ++i) {
    const auto& header = object->dlpi_phdr[i];
    const auto address = object->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_DYNAMIC) dynamic = address;
    if (header.p_type == PT_GNU_RELRO) {
      start = address;
      end = address + header.p_memsz;
    }
  }
  if (dynamic < start || dynamic >= end) return 0;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  start = (start + page - 1) / page * page;
  end = dynamic / page * page;
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  if (start < end) ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  return 0;
}

}  // namespace

void discard_relocated_data() {
  if constexpr (!is_sanitized) ::dl_iterate_phdr(discard_of, nullptr);
}

}  // namespace pillion::app
