#pragma once
// One mapping of the YAML document. Section checks its entries against the key table and reads them into typed values.
// Faults are collected with their positions, so that one run of `pillion check` shows them all.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "config/config.hpp"
#include "config/keys.hpp"

namespace pillion::config {

/// The faults of a document.
class Faults {
 public:
  /// `mark` counts from zero, as yaml-cpp does.
  void add(const YAML::Mark& mark, std::string message);
  /// Adds "SHOWN: PROBLEM; allowed: ALLOWED". `shown` is the key's path in this document, empty for the top level.
  void add(const YAML::Mark& mark, std::string_view shown, std::string_view problem, std::string_view allowed);
  [[nodiscard]] bool empty() const { return faults_.empty(); }
  [[nodiscard]] std::size_t size() const { return faults_.size(); }
  /// `file:line:column: message`, one line for each fault, in the order of the document. At most 100 faults, and one
  /// line that says how many more there are.
  [[nodiscard]] std::string text(std::string_view file) const;

 private:
  struct Fault {
    int line;
    int column;
    std::string message;
    auto operator<=>(const Fault&) const = default;
  };
  std::vector<Fault> faults_;
};

struct YamlEntry {
  std::string name;
  YAML::Mark mark;  ///< position of the key
  YAML::Node value;
};

/// The position of the value, or of the key if the value is empty, since yaml-cpp gives an empty value no position.
[[nodiscard]] YAML::Mark value_mark(const YamlEntry& entry);

/// The entries of the mapping that `entry` holds. A key that is not a word, or that comes twice, is a fault. If the
/// value is not a mapping, or has more than 256 keys, the result is empty and that is a fault.
[[nodiscard]] std::vector<YamlEntry> read_entries(const YamlEntry& entry, std::string_view shown,
                                                  std::string_view allowed, Faults& faults);

/// The text of a scalar. For null, lists and mappings, adds a fault and returns nullopt.
[[nodiscard]] std::optional<std::string> read_text(const YamlEntry& entry, std::string_view shown,
                                                   std::string_view allowed, Faults& faults);

/// The value of a scalar that YAML reads as true or false; nullopt for everything else, including text in quotes.
[[nodiscard]] std::optional<bool> read_boolean(const YAML::Node& node);

class Section {
 public:
  /// `schema` is the mapping's path in the key table (upstreams.NAME), `shown` its path in this document
  /// (upstreams.public). Unknown keys are faults.
  Section(const YamlEntry& entry, std::string schema, std::string shown, Faults& faults);

  [[nodiscard]] const YamlEntry* find(std::string_view name) const;
  [[nodiscard]] std::string shown(std::string_view name) const;
  [[nodiscard]] const KeySpec& key_of(std::string_view name) const;
  [[nodiscard]] Faults& faults() const { return faults_; }

  /// Adds a fault at the value of `name`, which must be present: "dns.listen: PROBLEM; allowed: …".
  void refuse_value(std::string_view name, std::string_view problem) const;
  /// Adds a fault at the key `name` if it is present: "dns.listen: PROBLEM".
  void refuse_key(std::string_view name, std::string_view problem) const;

  // Each read() leaves `out` unchanged if the key is missing or its value is a fault. The key table has the ranges.
  void read(std::string_view name, bool& out) const;
  void read(std::string_view name, std::chrono::milliseconds& out) const;
  void read(std::string_view name, std::unsigned_integral auto& out) const {
    if (const auto number = integer(name)) out = static_cast<std::remove_reference_t<decltype(out)>>(*number);
  }
  /// Parts of `whole_share`, of a key of KeyKind::fraction.
  void read_fraction(std::string_view name, std::uint32_t& out) const;
  /// Reads an enum whose values are the indices of the key's choices.
  template <typename Enum>
    requires std::is_enum_v<Enum>
  void read(std::string_view name, Enum& out) const {
    if (const auto index = choice(name)) out = static_cast<Enum>(*index);
  }
  /// Reads the bytes of a key of KeyKind::size; 0 for `auto`.
  void read_size(std::string_view name, std::size_t& out) const;
  /// Reads text. `check` returns what is wrong with it, or an empty string.
  void read(std::string_view name, std::string& out, const std::function<std::string(const std::string&)>& check) const;

  /// Reads an endpoint. `check` returns what is wrong with it, or an empty string.
  void read(std::string_view name, Endpoint& out, const std::function<std::string(const Endpoint&)>& check) const;

  /// Adds a fault at the mapping if `name` is missing.
  void require(std::string_view name) const;

  /// The elements of a list, each named like `upstreams.public.servers[0]`. Empty if the key is missing. If the value
  /// is not a list, or its length is out of range, the result is empty and that is a fault.
  [[nodiscard]] std::vector<YamlEntry> elements(std::string_view name) const;

 private:
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;
  [[nodiscard]] std::optional<std::size_t> choice(std::string_view name) const;

  std::string schema_;
  std::string shown_;
  YAML::Mark mark_;
  std::vector<YamlEntry> entries_;
  Faults& faults_;
};

}  // namespace pillion::config
