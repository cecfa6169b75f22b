// Any text as a YAML stream: a second injection changes nothing, and removal and a further injection give the same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/json/object.hpp>

#include "fuzz/fuzz.hpp"
#include "inject/stream.hpp"
#include "inject/values.hpp"
#include "inject/yaml_documents.hpp"

namespace pillion::fuzz {
namespace {

namespace json = boost::json;

inject::Options options() {
  const json::object values{{"image", json::object{{"repository", "registry.example/pillion"}}},
                            {"clusterDNS", json::object{{"address", "10.96.0.10"}}}};
  return inject::read_values(values, "0.1.0", std::nullopt).value();
}

bool has_changed(const inject::Result& result) {
  return std::ranges::any_of(result.notes, [](const auto& note) { return note.kind == inject::Note::Kind::changed; });
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pillion;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are text here.
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const auto wanted = fuzz::options();
  const auto injected = inject::inject_stream(stream, wanted, "shop");
  if (!injected) return 0;
  if (!fuzz::has_changed(*injected)) {
    fuzz::require(injected->stream == stream, "what is not changed is the same text");
    return 0;
  }
  const auto twice = inject::inject_stream(injected->stream, wanted, "shop");
  fuzz::require(twice && twice->stream == injected->stream, "put in twice, it is there once");
  const auto without = inject::uninject_stream(injected->stream);
  fuzz::require(without.has_value(), "what was put in can be taken out");
  const auto again = inject::inject_stream(without->stream, wanted, "shop");
  fuzz::require(again.has_value(), "what was taken out can be put in");
  const auto first = inject::read_documents(injected->stream);
  const auto second = inject::read_documents(again->stream);
  fuzz::require(first && second && first->size() == second->size(), "the same documents");
  for (std::size_t i = 0; i < first->size(); ++i)
    fuzz::require((*first)[i].value == (*second)[i].value, "each of them says the same");
  return 0;
}
