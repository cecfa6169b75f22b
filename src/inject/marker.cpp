#include "inject/marker.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "inject/editor.hpp"
#include "inject/names.hpp"

namespace pillion::inject {
namespace {

std::optional<std::size_t> count(const json::object& members, std::string_view key) {
  const auto* const found = members.if_contains(key);
  if (found == nullptr || !found->is_int64() || found->get_int64() < 0) return std::nullopt;
  return static_cast<std::size_t>(found->get_int64());
}

std::optional<Marker> parse_marker(std::string_view text) {
  json::error_code error;
  const auto parsed = json::parse(text, error);
  const auto* const members = error ? nullptr : parsed.if_object();
  if (members == nullptr) return std::nullopt;
  const auto* const version = find_string(parsed, "/version");
  const auto* const added = find_array(parsed, "/added");
  const auto searches = count(*members, "searches");
  const auto options = count(*members, "options");
  if (version == nullptr || added == nullptr || !searches || !options) return std::nullopt;
  Marker marker{.version = std::string(*version), .added = {}, .searches = *searches, .options = *options};
  for (const auto& what : *added) {
    if (!what.is_string()) return std::nullopt;
    marker.added.emplace_back(what.get_string());
  }
  return marker;
}

}  // namespace

std::string to_text(const Marker& marker) {
  json::array added;
  for (const auto& what : marker.added) added.emplace_back(what);
  return json::serialize(json::object{
      {"added", added}, {"options", marker.options}, {"searches", marker.searches}, {"version", marker.version}});
}

std::expected<std::optional<Marker>, std::string> find_marker(const json::value& pod) {
  const auto* const text = find_string(pod, child("/metadata/annotations", marker_annotation));
  if (text == nullptr) return std::nullopt;
  auto marker = parse_marker(*text);
  if (marker) return marker;
  return std::unexpected("the annotation " + std::string(marker_annotation) +
                         " cannot be read: remove Pillion and this annotation from the pod by hand");
}

}  // namespace pillion::inject
