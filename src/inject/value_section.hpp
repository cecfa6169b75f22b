#pragma once
// One map of the values: its members read into typed values, each only once, with all faults collected.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// "clusterDNS.address: PROBLEM", one each.
using Faults = std::vector<std::string>;

class ValueSection {
 public:
  /// `members` outlives it. `path` is the map's, empty for the top.
  ValueSection(const json::object& members, std::string path, Faults& faults)
      : members_(members), path_(std::move(path)), faults_(faults) {}

  /// Members that are not there, or are null, leave `out` as it is; those of another kind do too, with a fault.
  void read(std::string_view key, std::string& out);
  void read(std::string_view key, bool& out);
  void read(std::string_view key, json::array& out);
  void read(std::string_view key, json::object& out);
  void read(std::string_view key, std::vector<std::string>& out);
  /// A whole number within the bounds, both included.
  [[nodiscard]] std::optional<std::int64_t> read_number(std::string_view key, std::int64_t low, std::int64_t high);
  /// nullopt where there is none.
  [[nodiscard]] std::optional<ValueSection> section(std::string_view key);
  /// Takes a member that has no meaning here.
  void pass_over(std::string_view key) { read_.emplace(key); }

  void refuse(std::string_view key, const std::string& problem);
  /// A fault for each member that nobody has read.
  void finish();

 private:
  /// nullptr if it is not there, or null.
  const json::value* take(std::string_view key);
  [[nodiscard]] std::string shown(std::string_view key) const;

  const json::object& members_;
  std::string path_;
  Faults& faults_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace pillion::inject
