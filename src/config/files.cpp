#include "config/files.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "config/config.hpp"

namespace pillion::config {
namespace {

/// The value of `name` if `node` is a mapping that has it; else an undefined node.
YAML::Node member(const YAML::Node& node, const char* name) {
  return node.IsDefined() && node.IsMap() ? node[name] : YAML::Node(YAML::NodeType::Undefined);
}

/// The text of a scalar; empty for any other node.
std::string text_of(const YAML::Node& node) {
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string{};
}

class FileList {
 public:
  void add(const std::filesystem::path& path) {
    if (!path.empty() && std::ranges::find(files_, path) == files_.end()) files_.emplace_back(path);
  }
  [[nodiscard]] std::vector<std::filesystem::path> take() { return std::move(files_); }

 private:
  std::vector<std::filesystem::path> files_;
};

void add_files_of_upstream(const YAML::Node& upstream, FileList& files) {
  const auto protocol = text_of(member(upstream, "protocol"));
  if (protocol == to_string(Protocol::udp) || protocol == to_string(Protocol::tcp)) return;
  const auto tls = member(upstream, "tls");
  const auto ca_file = member(tls, "ca_file");
  files.add(ca_file.IsDefined() ? text_of(ca_file) : Tls{}.ca_file);
  files.add(text_of(member(tls, "client_cert")));
  files.add(text_of(member(tls, "client_key")));
}

}  // namespace

std::vector<std::filesystem::path> files_of(const YAML::Node& root) {
  FileList files;
  const auto upstreams = member(root, "upstreams");
  if (!upstreams.IsDefined()) {
    files.add(Tls{}.ca_file);
  } else if (upstreams.IsMap()) {
    std::size_t count = 0;
    for (const auto& named : upstreams) {
      if (++count > max_upstreams) break;
      add_files_of_upstream(named.second, files);
    }
  }
  files.add(text_of(member(member(root, "search"), "resolv_conf")));
  return files.take();
}

}  // namespace pillion::config
