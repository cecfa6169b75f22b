#pragma once
// Arrays that are indexed by the enumerators of an enumeration. Pure.

#include <array>
#include <cstddef>
#include <utility>

namespace pillion::runtime {

/// The number of enumerators, for an enumeration that counts from 0 and ends with `count_`.
template <typename Enum>
inline constexpr std::size_t enumerator_count = static_cast<std::size_t>(Enum::count_);

/// One value for each enumerator of `Enum`. For an enumeration without `count_`, `Size` is its number of enumerators.
template <typename Enum, typename T, std::size_t Size = enumerator_count<Enum>>
struct EnumArray : std::array<T, Size> {
  using std::array<T, Size>::operator[];
  [[nodiscard]] constexpr T& operator[](Enum enumerator) { return (*this)[static_cast<std::size_t>(enumerator)]; }
  [[nodiscard]] constexpr const T& operator[](Enum enumerator) const {
    return (*this)[static_cast<std::size_t>(enumerator)];
  }
};

/// `values` in the order of the enumerators. A table with a value too few or too many does not compile.
template <typename Enum, typename T, std::size_t size>
[[nodiscard]] constexpr EnumArray<Enum, T> enum_array(const T (&values)[size]) {
  static_assert(size == enumerator_count<Enum>, "one value for each enumerator");
  EnumArray<Enum, T> array{};
  for (std::size_t i = 0; i < size; ++i) array[i] = values[i];
  return array;
}

/// All enumerators but `count_`, in order.
template <typename Enum>
inline constexpr auto enumerators = [] {
  std::array<Enum, enumerator_count<Enum>> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Enum>(i);
  return all;
}();

}  // namespace pillion::runtime
