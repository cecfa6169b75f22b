#include "inject/overrides.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <boost/json/string.hpp>

#include "inject/editor.hpp"
#include "inject/names.hpp"
#include "inject/yaml_documents.hpp"

namespace pillion::inject {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// True if `text` is a DNS-1123 subdomain and may name a ConfigMap.
bool is_object_name(std::string_view text) {
  const auto is_alphanumeric = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); };
  return !text.empty() && text.size() <= 253 && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
}

std::string check_object_name(std::string_view text) {
  return is_object_name(text) ? "" : "must be the name of a ConfigMap";
}

std::string check_image(std::string_view text) {
  const bool ok = !text.empty() && std::ranges::none_of(text, [](unsigned char c) { return std::isspace(c) != 0; });
  return ok ? "" : "must be an image, such as registry.example/pillion:0.1.0";
}

std::string check_boolean(std::string_view text) {
  return text == "true" || text == "false" ? "" : R"(must be "true" or "false")";
}

std::string check_config_text(std::string_view text) {
  const auto documents = read_documents(text);
  const bool is_map = documents && documents->size() == 1 && documents->front().value.is_object();
  return is_map ? "" : "must be the text of pillion.yaml, which is a map" + (documents ? "" : ": " + documents.error());
}

void set_resource(Options& options, std::string_view kind, std::string_view what, std::string_view quantity) {
  auto& amounts = options.resources[kind];
  if (!amounts.is_object()) amounts = json::object{};
  amounts.get_object()[what] = quantity;
}

struct Override {
  std::string_view name;  ///< the annotation's name after the prefix
  std::string (*check)(std::string_view text);
  void (*apply)(Options& options, std::string_view text);
};

constexpr std::array overrides = {
    Override{"config", check_config_text,
             [](Options& options, std::string_view text) {
               options.config = text;
               options.config_map.clear();
             }},
    Override{"config-map", check_object_name,
             [](Options& options, std::string_view text) { options.config_map = text; }},
    Override{"image", check_image, [](Options& options, std::string_view text) { options.image = text; }},
    Override{"native", check_boolean, [](Options& options, std::string_view text) { options.native = text == "true"; }},
    Override{"cpu-request", check_quantity,
             [](Options& options, std::string_view text) { set_resource(options, "requests", "cpu", text); }},
    Override{"memory-request", check_quantity,
             [](Options& options, std::string_view text) { set_resource(options, "requests", "memory", text); }},
    Override{"memory-limit", check_quantity,
             [](Options& options, std::string_view text) { set_resource(options, "limits", "memory", text); }},
};

std::string override_names() {
  std::string list;
  for (const auto& each : overrides) list += (list.empty() ? "" : ", ") + std::string(each.name);
  return list;
}

}  // namespace

std::string check_quantity(std::string_view text) {
  constexpr std::array<std::string_view, 15> suffixes = {"",  "n",  "u",  "m",  "k",  "M",  "G", "T",
                                                         "P", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  const auto number = text.substr(0, text.find_first_not_of("0123456789."));
  auto suffix = text.substr(number.size());
  const bool is_number = std::ranges::count(number, '.') <= 1 && std::ranges::any_of(number, is_digit);
  const bool is_above_zero = std::ranges::any_of(number, [](char c) { return c >= '1' && c <= '9'; });
  bool is_suffix = std::ranges::find(suffixes, suffix) != suffixes.end();
  if (!is_suffix && (suffix.front() == 'e' || suffix.front() == 'E')) {
    suffix.remove_prefix(1);
    if (suffix.starts_with('-') || suffix.starts_with('+')) suffix.remove_prefix(1);
    is_suffix = !suffix.empty() && std::ranges::all_of(suffix, is_digit);
  }
  return is_number && is_above_zero && is_suffix ? "" : "must be a quantity above zero, such as 64Mi or 100m";
}

std::expected<Options, std::string> with_overrides(const json::value& pod, Options options) {
  const auto* const annotations = find_object(pod, "/metadata/annotations");
  if (annotations == nullptr) return options;
  for (const auto& [key, value] : *annotations) {
    const std::string_view full = key;
    if (!full.starts_with(annotation_prefix) || full == marker_annotation) continue;
    const auto name = full.substr(annotation_prefix.size());
    const auto* const found = std::ranges::find(overrides, name, &Override::name);
    if (found == overrides.end())
      return std::unexpected("the annotation " + std::string(full) + " is not known; after " +
                             std::string(annotation_prefix) + " these are allowed: " + override_names());
    const auto* const text = value.if_string();
    const auto problem = text == nullptr ? std::string("must be text") : found->check(*text);
    if (!problem.empty()) return std::unexpected("the annotation " + std::string(full) + ' ' + problem);
    found->apply(options, *text);
  }
  const auto has = [&](std::string_view name) {
    return annotations->contains(std::string(annotation_prefix) + std::string(name));
  };
  if (has("config") && has("config-map"))
    return std::unexpected(
        "the annotations pillion.dev/config and pillion.dev/config-map are both given; allowed: only one of the "
        "two");
  return options;
}

}  // namespace pillion::inject
