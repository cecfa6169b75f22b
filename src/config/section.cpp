#include "config/section.hpp"

#include <algorithm>
#include <ranges>

#include "config/scalar.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t max_faults = 100;
constexpr std::size_t max_entries = 256;  // entries of one mapping, far more than any valid mapping has

std::string_view type_name(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return "is empty";
    case YAML::NodeType::Scalar:
      return "is a single value";
    case YAML::NodeType::Sequence:
      return "is a list";
    case YAML::NodeType::Map:
      break;
  }
  return "is a mapping";
}

/// True if YAML reads the scalar as text because it is quoted or tagged as text.
bool is_quoted(const YAML::Node& node) {
  return node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str";
}

std::string join_path(std::string_view mapping, std::string_view name) {
  return mapping.empty() ? std::string(name) : std::string(mapping) + "." + std::string(name);
}

}  // namespace

void Faults::add(const YAML::Mark& mark, std::string message) {
  faults_.push_back(
      {.line = std::max(mark.line, 0) + 1, .column = std::max(mark.column, 0) + 1, .message = std::move(message)});
}

void Faults::add(const YAML::Mark& mark, std::string_view shown, std::string_view problem, std::string_view allowed) {
  std::string message(shown);
  if (!shown.empty()) message.append(": ");
  add(mark, std::move(message.append(problem).append("; allowed: ").append(allowed)));
}

std::string Faults::text(std::string_view file) const {
  auto sorted = faults_;
  std::ranges::sort(sorted);

  std::string text;
  for (const auto& fault : sorted | std::views::take(max_faults)) {
    if (!text.empty()) text += '\n';
    text.append(file).append(":").append(std::to_string(fault.line)).append(":").append(std::to_string(fault.column));
    text.append(": ").append(fault.message);
  }
  if (sorted.size() > max_faults) {
    text.append("\n").append(file).append(": and ").append(std::to_string(sorted.size() - max_faults)).append(" more");
  }
  return text;
}

YAML::Mark value_mark(const YamlEntry& entry) {
  return entry.value.IsNull() ? entry.mark : entry.value.Mark();
}

std::vector<YamlEntry> read_entries(const YamlEntry& entry, std::string_view shown, std::string_view allowed,
                                    Faults& faults) {
  if (!entry.value.IsMap()) {
    faults.add(value_mark(entry), shown, type_name(entry.value), allowed);
    return {};
  }
  if (entry.value.size() > max_entries) {
    faults.add(value_mark(entry), shown, "has " + std::to_string(entry.value.size()) + " keys", "at most 256");
    return {};
  }
  std::vector<YamlEntry> entries;
  for (const auto& pair : entry.value) {
    if (!pair.first.IsScalar()) {
      faults.add(pair.first.Mark(), shown, "has a key that is not text", allowed);
      continue;
    }
    const auto& name = pair.first.Scalar();
    const auto earlier = std::ranges::find(entries, name, &YamlEntry::name);
    if (earlier != entries.end()) {
      faults.add(pair.first.Mark(), join_path(shown, one_line(name)),
                 "is given twice, first on line " + std::to_string(earlier->mark.line + 1), "once");
      continue;
    }
    entries.push_back({.name = name, .mark = pair.first.Mark(), .value = pair.second});
  }
  return entries;
}

std::optional<std::string> read_text(const YamlEntry& entry, std::string_view shown, std::string_view allowed,
                                     Faults& faults) {
  if (entry.value.IsScalar()) return entry.value.Scalar();
  faults.add(value_mark(entry), shown, type_name(entry.value), allowed);
  return std::nullopt;
}

std::optional<bool> read_boolean(const YAML::Node& node) {
  if (!node.IsScalar() || is_quoted(node)) return std::nullopt;
  const auto& written = node.Scalar();
  if (written == "true" || written == "True" || written == "TRUE") return true;
  if (written == "false" || written == "False" || written == "FALSE") return false;
  return std::nullopt;
}

Section::Section(const YamlEntry& entry, std::string schema, std::string shown, Faults& faults)
    : schema_(std::move(schema)), shown_(std::move(shown)), mark_(entry.mark), faults_(faults) {
  const auto allowed = allowed_names(schema_);
  for (auto& candidate : read_entries(entry, shown_, "a mapping with " + allowed, faults_)) {
    if (!has_key(schema_, candidate.name)) {
      const auto nearest = nearest_name(schema_, candidate.name);
      auto problem = std::string("unknown key");
      if (!nearest.empty()) problem.append(" (did you mean `").append(nearest).append("`?)");
      faults_.add(candidate.mark, join_path(shown_, one_line(candidate.name)), problem, allowed);
    } else {
      entries_.push_back(std::move(candidate));
    }
  }
}

const YamlEntry* Section::find(std::string_view name) const {
  const auto found = std::ranges::find(entries_, name, &YamlEntry::name);
  return found == entries_.end() ? nullptr : &*found;
}

std::string Section::shown(std::string_view name) const {
  return join_path(shown_, name);
}

const KeySpec& Section::key_of(std::string_view name) const {
  return key(join_path(schema_, name));
}

void Section::refuse_value(std::string_view name, std::string_view problem) const {
  faults_.add(value_mark(*find(name)), shown(name), problem, allowed_text(key_of(name)));
}

void Section::refuse_key(std::string_view name, std::string_view problem) const {
  if (const auto* const entry = find(name)) faults_.add(entry->mark, shown(name) + ": " + std::string(problem));
}

void Section::read(std::string_view name, bool& out) const {
  const auto written = text(name);
  if (!written) return;
  const auto value = read_boolean(find(name)->value);
  if (!value) return refuse_value(name, in_quotes(*written) + " is not a boolean");
  out = *value;
}

void Section::read(std::string_view name, std::chrono::milliseconds& out) const {
  const auto written = text(name);
  if (!written) return;
  const auto duration = parse_duration(*written);
  if (!duration) return refuse_value(name, duration.error());
  const auto& known = key_of(name);
  if (duration->count() < known.min || duration->count() > known.max) {
    return refuse_value(name, in_quotes(*written) + " is out of range");
  }
  if (known.kind == KeyKind::seconds && duration->count() % 1'000 != 0)
    return refuse_value(name, in_quotes(*written) + " is not a whole number of seconds");
  out = *duration;
}

void Section::read_fraction(std::string_view name, std::uint32_t& out) const {
  const auto written = text(name);
  if (!written) return;
  if (is_quoted(find(name)->value))
    return refuse_value(name, in_quotes(*written) + " is text, since it is written in quotes");
  const auto number = parse_fraction(*written);
  if (!number) return refuse_value(name, number.error());
  out = *number;
}

void Section::read_size(std::string_view name, std::size_t& out) const {
  const auto written = text(name);
  if (!written) return;
  const auto& known = key_of(name);
  if (known.may_be_auto && *written == "auto") {
    out = 0;
    return;
  }
  const auto bytes = parse_size(*written);
  if (!bytes) return refuse_value(name, bytes.error());
  const bool inside =
      *bytes >= static_cast<std::uint64_t>(known.min) && *bytes <= static_cast<std::uint64_t>(known.max);
  const bool is_off = *bytes == 0 && !known.may_be_auto;
  if (!is_off && !inside) return refuse_value(name, in_quotes(*written) + " is out of range");
  out = *bytes;
}

void Section::read(std::string_view name, std::string& out,
                   const std::function<std::string(const std::string&)>& check) const {
  const auto written = text(name);
  if (!written) return;
  if (const auto problem = check(*written); !problem.empty()) return refuse_value(name, problem);
  out = *written;
}

void Section::read(std::string_view name, Endpoint& out,
                   const std::function<std::string(const Endpoint&)>& check) const {
  const auto written = text(name);
  if (!written) return;
  const auto endpoint = parse_endpoint(*written);
  if (!endpoint) return refuse_value(name, endpoint.error());
  if (const auto problem = check(*endpoint); !problem.empty()) return refuse_value(name, problem);
  out = *endpoint;
}

void Section::require(std::string_view name) const {
  if (find(name) == nullptr) faults_.add(mark_, shown(name), "is missing", allowed_text(key_of(name)));
}

std::vector<YamlEntry> Section::elements(std::string_view name) const {
  const auto* const entry = find(name);
  if (entry == nullptr) return {};
  if (!entry->value.IsSequence()) {
    refuse_value(name, type_name(entry->value));
    return {};
  }
  const auto& known = key_of(name);
  const auto count = static_cast<std::int64_t>(entry->value.size());
  if (count < known.min || count > known.max) {
    refuse_value(name, "has " + std::to_string(count) + (count == 1 ? " element" : " elements"));
    return {};
  }
  std::vector<YamlEntry> elements;
  for (std::size_t i = 0; i < entry->value.size(); ++i) {
    const YAML::Node value = entry->value[i];
    const auto label = shown(name) + "[" + std::to_string(i) + "]";
    elements.push_back({.name = label, .mark = value.Mark(), .value = value});
  }
  return elements;
}

std::optional<std::string> Section::text(std::string_view name) const {
  const auto* const entry = find(name);
  return entry == nullptr ? std::nullopt : read_text(*entry, shown(name), allowed_text(key_of(name)), faults_);
}

std::optional<std::int64_t> Section::integer(std::string_view name) const {
  const auto written = text(name);
  if (!written) return std::nullopt;
  const auto refuse = [&](std::string_view problem) {
    refuse_value(name, problem);
    return std::nullopt;
  };
  if (is_quoted(find(name)->value)) return refuse(in_quotes(*written) + " is text, since it is written in quotes");
  const auto number = parse_integer(*written);
  if (!number) return refuse(number.error());
  const auto& known = key_of(name);
  if (*number < known.min || *number > known.max) return refuse(in_quotes(*written) + " is out of range");
  return number.value();
}

std::optional<std::size_t> Section::choice(std::string_view name) const {
  const auto written = text(name);
  if (!written) return std::nullopt;
  const auto choices = key_of(name).choices;
  const auto found = std::ranges::find(choices, *written);
  if (found == choices.end()) {
    refuse_value(name, in_quotes(*written) + " is not one of the choices");
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - choices.begin());
}

}  // namespace pillion::config
