#include "runtime/memory.hpp"

#include <algorithm>

namespace pillion::runtime {
namespace {

constexpr std::size_t parts = 16;
constexpr std::size_t parts_for_connections = 3;
constexpr std::size_t parts_for_input = 2;
constexpr std::size_t parts_for_output = 4;
constexpr std::size_t parts_for_queries = 5;
constexpr std::size_t parts_for_walks = 2;
static_assert(parts_for_connections + parts_for_input + parts_for_output + parts_for_queries + parts_for_walks ==
              parts);

constexpr std::size_t least_for_messages = std::size_t{256} << 10U;

}  // namespace

MemoryDivision divide_memory(std::size_t bytes, std::size_t cache) {
  MemoryDivision division{};
  division[MemoryUse::cache] = std::min(cache, bytes / 4);
  const auto part = (bytes - division[MemoryUse::cache]) / parts;
  division[MemoryUse::connections] = parts_for_connections * part;
  division[MemoryUse::input] = parts_for_input * part;
  division[MemoryUse::output] = parts_for_output * part;
  division[MemoryUse::queries] = parts_for_queries * part;
  division[MemoryUse::walks] = parts_for_walks * part;
  return division;
}

MemoryShares::MemoryShares(const MemoryDivision& division, std::size_t shards)
    : connections(division[MemoryUse::connections] / shards),
      input(std::max(division[MemoryUse::input] / shards, least_for_messages)),
      output(std::max(division[MemoryUse::output] / shards, least_for_messages)),
      queries(division[MemoryUse::queries] / shards),
      walks(division[MemoryUse::walks] / shards) {}

const MemoryShare* MemoryShares::find(MemoryUse use) const {
  switch (use) {
    case MemoryUse::connections:
      return &connections;
    case MemoryUse::input:
      return &input;
    case MemoryUse::output:
      return &output;
    case MemoryUse::queries:
      return &queries;
    case MemoryUse::walks:
      return &walks;
    case MemoryUse::cache:
    case MemoryUse::count_:
      break;
  }
  return nullptr;
}

}  // namespace pillion::runtime
