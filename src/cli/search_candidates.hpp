#pragma once
// The names that libc asks for where it is given one (resolv.conf(5), res_search(3)). Pure.

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "dns/wire.hpp"

namespace pillion::cli {

/// In the order in which glibc asks for them, in wire form. `name` in wire form too; `is_absolute`: it was written with
/// its final dot, and is then the only one. A name with `ndots` dots or more is asked for as it is first, else last.
/// What would be longer than 255 bytes is left out.
[[nodiscard]] std::vector<dns::Buffer> search_candidates(dns::Bytes name, bool is_absolute,
                                                         const config::Search& search);

/// What glibc does after an answer. `status` as presentation::rcode_to_text() has it; `has_records`: in the answer
/// section.
enum class SearchVerdict : std::uint8_t { found, go_on, stop };
[[nodiscard]] SearchVerdict verdict_on(std::string_view status, bool has_records);

}  // namespace pillion::cli
