#pragma once
// The names that libc asks for when an application looks up a name (resolv.conf(5), res_search(3)). Pure.

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "dns/wire.hpp"

namespace pillion::cli {

/// The names in the order in which glibc asks for them. All names are in wire form. If `is_absolute` (the name was
/// written with its final dot), the name itself is the only one. A name with at least `ndots` dots is asked for
/// unchanged first, else last. Names longer than 255 bytes are left out.
[[nodiscard]] std::vector<dns::Buffer> search_candidates(dns::Bytes name, bool is_absolute,
                                                         const config::Search& search);

/// What glibc does after an answer. `status` as presentation::rcode_to_text() has it; `has_records`: in the answer
/// section.
enum class SearchVerdict : std::uint8_t { found, go_on, stop };
[[nodiscard]] SearchVerdict verdict_on(std::string_view status, bool has_records);

}  // namespace pillion::cli
