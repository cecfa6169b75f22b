#pragma once
// A stable sort. std::stable_sort of libstdc++ 12 calls a function that C++17 has deprecated, which clang rejects.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

namespace pillion::runtime {

/// Sorts `values` by `key`. Values with equal keys keep their order.
template <typename Value, typename Key, typename Compare = std::ranges::less>
void sort_stably(std::vector<Value>& values, Key key, Compare compare = {}) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t left, std::size_t right) {
    const auto& left_key = std::invoke(key, values[left]);
    const auto& right_key = std::invoke(key, values[right]);
    if (left_key == right_key) return left < right;
    return compare(left_key, right_key);
  });
  std::vector<Value> sorted;
  sorted.reserve(values.size());
  for (const auto index : order) sorted.push_back(std::move(values[index]));
  values = std::move(sorted);
}

}  // namespace pillion::runtime
