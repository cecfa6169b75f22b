#include "inject/stream.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>

#include "inject/difference.hpp"
#include "inject/editor.hpp"
#include "inject/marker.hpp"
#include "inject/mutate.hpp"
#include "inject/names.hpp"
#include "inject/obstacles.hpp"
#include "inject/workload.hpp"
#include "inject/yaml_documents.hpp"

namespace pillion::inject {
namespace {

using Patch = std::expected<json::array, Reason>;

std::string shown(const PodTemplate& workload) {
  return workload.kind + '/' + (workload.name.empty() ? "(without a name)" : workload.name);
}

/// Applies the patch of `patch_of(pod, workload)` to each workload.
template <typename PatchOf>
std::expected<Result, std::string> change(std::string_view stream, PatchOf patch_of) {
  auto documents = read_documents(stream);
  if (!documents) return std::unexpected(std::move(documents).error());
  Result result;
  for (auto& document : *documents) {
    bool is_changed = false;
    const auto workloads = find_pod_templates(document.value);
    auto value = workloads.empty() ? json::value() : document.value;
    for (const auto& workload : workloads) {
      auto& pod = value.at_pointer(workload.pointer);
      const Patch patch = patch_of(pod, workload);
      if (!patch) {
        const auto kind = patch.error().kind == Reason::Kind::opted_out ? Note::Kind::opted_out : Note::Kind::skipped;
        result.notes.push_back({.kind = kind, .workload = shown(workload), .text = patch.error().text});
        continue;
      }
      apply(*patch, pod);
      is_changed = is_changed || !patch->empty();
      result.notes.push_back({.kind = patch->empty() ? Note::Kind::unchanged : Note::Kind::changed,
                              .workload = shown(workload),
                              .text = {}});
    }
    result.stream += is_changed ? rewritten(document, value) : document.text;
  }
  return result;
}

/// The native sidecar before Pillion whose startup probe delays Pillion's start; empty if there is none. A mesh's
/// proxy is only ready once it has looked up its control plane, which no process in the pod can do before Pillion
/// runs.
std::string_view waited_for(const json::value& pod) {
  std::string_view found;
  for (const auto& each : items_at(pod, "/spec/initContainers")) {
    const auto name = text_at(each, "/name");
    if (name == container_name) return found;
    if (text_at(each, "/restartPolicy") == "Always" && find_object(each, "/startupProbe") != nullptr) found = name;
  }
  return {};
}

/// The patch of mutate(), or an obstacle if the namespace is needed and unknown.
Patch patch_for(const json::value& pod, const PodTemplate& workload, const Options& options,
                const std::string& name_space) {
  const auto& own = workload.name_space.empty() ? name_space : workload.name_space;
  auto patch = mutate(pod, options, own);
  // Tested last, so that a permanent obstacle is reported instead.
  if (patch && own.empty() && options.cluster_searches)
    return std::unexpected(Reason{.kind = Reason::Kind::obstacle,
                                  .text = "its namespace, with which its search list begins, is not known: give it by "
                                          "--namespace, or in its metadata"});
  return patch;
}

class Check {
 public:
  Check(const std::string& version, const Options* options, const std::string& name_space)
      : version_(version), options_(options), name_space_(name_space) {}

  [[nodiscard]] Note of(const json::value& pod, const PodTemplate& workload) const {
    Note note{.kind = Note::Kind::missing, .workload = shown(workload), .text = {}};
    const auto marker = find_marker(pod);
    if (!marker) {
      note.text = marker.error();
    } else if (is_opted_out(pod) && !*marker) {
      note.kind = Note::Kind::opted_out;
      note.text = "has no Pillion, as its label says";
    } else if (!*marker) {
      note.text = "has no Pillion";
    } else {
      note.text = fault(pod, workload, **marker);
      if (note.text.empty()) note.kind = Note::Kind::unchanged;
    }
    return note;
  }

 private:
  /// The fault of a pod that has Pillion; empty if there is none.
  [[nodiscard]] std::string fault(const json::value& pod, const PodTemplate& workload, const Marker& marker) const {
    const auto difference = find_difference(pod, workload);
    if (marker.version != version_)
      return "has Pillion " + marker.version + ", and this program is " + version_ +
             (difference.empty() ? "" : ", which would change " + difference);
    const auto first = waited_for(pod);
    if (!first.empty())
      return "has " + std::string(first) +
             " before Pillion, and Pillion starts only once that is ready: if that waits for a name, neither becomes "
             "ready";
    return difference.empty() ? "" : "has another Pillion than the values specify: " + difference;
  }

  [[nodiscard]] std::string find_difference(const json::value& pod, const PodTemplate& workload) const {
    if (options_ == nullptr || is_opted_out(pod)) return {};
    const auto patch = patch_for(pod, workload, *options_, name_space_);
    if (!patch) return patch.error().text;
    json::value wanted = pod;
    apply(*patch, wanted);
    return describe_difference(pod, wanted);
  }

  const std::string& version_;
  const Options* options_;
  const std::string& name_space_;
};

}  // namespace

std::expected<Result, std::string> inject_stream(std::string_view stream, const Options& options,
                                                 const std::string& name_space) {
  return change(stream, [&](const json::value& pod, const PodTemplate& workload) {
    return patch_for(pod, workload, options, name_space);
  });
}

std::expected<Result, std::string> uninject_stream(std::string_view stream) {
  return change(stream, [](const json::value& pod, const PodTemplate&) { return restore(pod); });
}

std::expected<std::vector<Note>, std::string> check_stream(std::string_view stream, const std::string& version,
                                                           const Options* options, const std::string& name_space) {
  const auto documents = read_documents(stream);
  if (!documents) return std::unexpected(documents.error());
  const Check check(version, options, name_space);
  std::vector<Note> notes;
  for (const auto& document : *documents) {
    for (const auto& workload : find_pod_templates(document.value))
      notes.push_back(check.of(document.value.at_pointer(workload.pointer), workload));
  }
  return notes;
}

}  // namespace pillion::inject
