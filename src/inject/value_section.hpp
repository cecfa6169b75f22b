#pragma once
// One map of the values. Reads each member once into a typed value and collects all faults.

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

/// Each fault is "clusterDNS.address: PROBLEM".
using ValueFaults = std::vector<std::string>;

class ValueSection {
 public:
  /// `members` must outlive the section. `path` is the path of the map, empty for the top level.
  ValueSection(const json::object& members, std::string path, ValueFaults& faults)
      : members_(members), path_(std::move(path)), faults_(faults) {}

  /// Each read() leaves `out` unchanged if the member is missing or null. A member of another type leaves it unchanged
  /// too, and is a fault.
  void read(std::string_view key, std::string& out);
  void read(std::string_view key, bool& out);
  void read(std::string_view key, json::array& out);
  void read(std::string_view key, json::object& out);
  void read(std::string_view key, std::vector<std::string>& out);
  /// A whole number from `low` to `high`. nullopt if the member is missing, null or a fault.
  [[nodiscard]] std::optional<std::int64_t> read_number(std::string_view key, std::int64_t low, std::int64_t high);
  /// The map at `key`, or nullopt if there is none.
  [[nodiscard]] std::optional<ValueSection> section(std::string_view key);
  /// Accepts a member without reading it.
  void pass_over(std::string_view key) { read_.emplace(key); }

  void refuse(std::string_view key, const std::string& problem);
  /// Adds a fault for each member that was not read.
  void finish();

 private:
  /// The member, or nullptr if it is missing or null.
  const json::value* take(std::string_view key);
  [[nodiscard]] std::string shown(std::string_view key) const;

  const json::object& members_;
  std::string path_;
  ValueFaults& faults_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace pillion::inject
