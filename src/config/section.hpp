#pragma once
// One mapping of the YAML: its entries checked against the key table, and read into typed values. Faults are collected
// with their position, so that one run of `pillion check` shows them all.

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

/// What is wrong with a document so far.
class Faults {
 public:
  /// `mark` counts from zero, as yaml-cpp does.
  void add(const YAML::Mark& mark, std::string message);
  /// "SHOWN: PROBLEM; allowed: ALLOWED", `shown` being the key's path in this document, empty for the top level.
  void add(const YAML::Mark& mark, std::string_view shown, std::string_view problem, std::string_view allowed);
  [[nodiscard]] bool empty() const { return faults_.empty(); }
  [[nodiscard]] std::size_t size() const { return faults_.size(); }
  /// `file:line:column: message`, one line a fault, in the order of the document, at most 100.
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
  YAML::Mark mark;  ///< of the key
  YAML::Node value;
};

/// The value's position; an empty value has none of its own, so that the key's is used.
[[nodiscard]] YAML::Mark value_mark(const YamlEntry& entry);

/// The entries of `entry`'s value; keys that are no words or come twice are faults. Empty, with a fault, where it is no
/// mapping.
[[nodiscard]] std::vector<YamlEntry> read_entries(const YamlEntry& entry, std::string_view shown,
                                                  std::string_view allowed, Faults& faults);

/// The text of a scalar; a fault and nullopt for null, lists and mappings.
[[nodiscard]] std::optional<std::string> read_text(const YamlEntry& entry, std::string_view shown,
                                                   std::string_view allowed, Faults& faults);

/// A scalar that YAML reads as true or false; nullopt for all else, text in quotes too.
[[nodiscard]] std::optional<bool> read_boolean(const YAML::Node& node);

class Section {
 public:
  /// `schema` is the mapping's path in the key table, `shown` its path in this document (upstreams.NAME and
  /// upstreams.public). Unknown keys are faults.
  Section(const YamlEntry& entry, std::string schema, std::string shown, Faults& faults);

  [[nodiscard]] const YamlEntry* find(std::string_view name) const;
  [[nodiscard]] std::string shown(std::string_view name) const;
  [[nodiscard]] const KeySpec& key_of(std::string_view name) const;
  [[nodiscard]] Faults& faults() const { return faults_; }

  /// A fault at the value of `name`, which is there: "dns.threads: PROBLEM; allowed: …".
  void refuse_value(std::string_view name, std::string_view problem) const;
  /// A fault at the key `name`, where it is there: "dns.threads: PROBLEM".
  void refuse_key(std::string_view name, std::string_view problem) const;

  // Each leaves `out` as it is where the key is not given or its value is a fault. Ranges are those of the key table.
  void read(std::string_view name, bool& out) const;
  void read(std::string_view name, std::chrono::milliseconds& out) const;
  void read(std::string_view name, std::unsigned_integral auto& out) const {
    if (const auto number = integer(name)) out = static_cast<std::remove_reference_t<decltype(out)>>(*number);
  }
  /// Parts of `whole_share`, of a key of KeyKind::fraction.
  void read_fraction(std::string_view name, std::uint32_t& out) const;
  /// An enum whose values are the indices of the key's choices.
  template <typename Enum>
    requires std::is_enum_v<Enum>
  void read(std::string_view name, Enum& out) const {
    if (const auto index = choice(name)) out = static_cast<Enum>(*index);
  }
  /// Bytes, of a key of KeyKind::size; 0 for `auto`.
  void read_size(std::string_view name, std::size_t& out) const;
  /// Text that `check` accepts by returning an empty string; else what is wrong with it.
  void read(std::string_view name, std::string& out, const std::function<std::string(const std::string&)>& check) const;

  /// An endpoint that `check` accepts by returning an empty string.
  void read(std::string_view name, Endpoint& out, const std::function<std::string(const Endpoint&)>& check) const;

  /// A fault at the mapping where `name` is not given.
  void require(std::string_view name) const;

  /// The elements of a list within the key's range; empty, with a fault, where it is none. Each is named like
  /// `servers[0]`.
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
