#include "resolve/route_table.hpp"

#include <array>
#include <utility>

#include "dns/name.hpp"

namespace pillion::resolve {
namespace {

constexpr std::size_t max_labels = dns::max_name_size / 2;
constexpr std::size_t first_slots = 16;  // a power of two, like every later size

/// The labels of a name from the top-level domain down, each with its length byte, without the root label.
class LabelsFromTop {
 public:
  explicit LabelsFromTop(dns::NameView name) : name_(name) {
    for (auto suffix = name; !suffix.is_root() && left_ < max_labels; suffix = suffix.parent())
      starts_[left_++] = static_cast<std::uint8_t>(name.size() - suffix.size());
  }

  [[nodiscard]] bool empty() const { return left_ == 0; }
  dns::Bytes next() {
    const std::size_t start = starts_[--left_];
    return name_.subspan(start, std::size_t{name_[start]} + 1);
  }

 private:
  dns::Bytes name_;
  std::array<std::uint8_t, max_labels> starts_;  // only the first left_ are set, since this is a hot path
  std::size_t left_ = 0;
};

}  // namespace

RouteTable::RouteTable(Target root) : nodes_{{.target = root}}, edges_(first_slots) {}

void RouteTable::add(dns::Bytes zone, Target target) {
  std::uint32_t node = 0;
  for (LabelsFromTop labels(zone); !labels.empty();) {
    const auto label = labels.next();
    const auto child = child_of(node, label);
    node = child != 0 ? child : add_child(node, label);
  }
  nodes_[node].target = target;
}

/// Calls `visit` with each node below the root on the path to `name`, and the node's label. True if the path reaches
/// `name`.
template <typename Visit>
bool RouteTable::descend(dns::Bytes name, Visit visit) const {
  std::uint32_t node = 0;
  LabelsFromTop labels(name);
  while (nodes_[node].has_children && !labels.empty()) {
    const auto label = labels.next();
    node = child_of(node, label);
    if (node == 0) return false;
    visit(nodes_[node], label);
  }
  return labels.empty();
}

RouteTable::Target RouteTable::find(dns::Bytes name) const {
  auto target = *nodes_[0].target;
  descend(name, [&](const RouteNode& node, dns::Bytes /*label*/) { target = node.target.value_or(target); });
  return target;
}

dns::Bytes RouteTable::zone_of(dns::Bytes name) const {
  auto suffix = name.size() - 1;  // start of the root label
  auto zone = name.last(1);
  descend(name, [&](const RouteNode& node, dns::Bytes label) {
    suffix -= label.size();
    if (node.target) zone = name.subspan(suffix);
  });
  return zone;
}

bool RouteTable::leads_to_zone(dns::Bytes name) const {
  // The table has nodes only for zones and their ancestors.
  return descend(name, [](const RouteNode& /*node*/, dns::Bytes /*label*/) {});
}

// The child, or 0 if there is none.
std::uint32_t RouteTable::child_of(std::uint32_t parent, dns::Bytes label) const {
  return edges_[slot_of(parent, label)].child;
}

// The slot of the edge, or else the empty slot where it would be. Half of the slots are empty, so that the loop ends.
std::size_t RouteTable::slot_of(std::uint32_t parent, dns::Bytes label) const {
  const auto mask = edges_.size() - 1;
  auto slot = static_cast<std::size_t>(dns::hash_name(label, parent)) & mask;
  while (edges_[slot].child != 0 &&
         (edges_[slot].parent != parent || !dns::equal_names(label_of(edges_[slot]), label))) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

dns::Bytes RouteTable::label_of(const Edge& edge) const {
  return dns::Bytes(labels_).subspan(edge.label, std::size_t{labels_[edge.label]} + 1);
}

std::uint32_t RouteTable::add_child(std::uint32_t parent, dns::Bytes label) {
  if (nodes_.size() * 2 > edges_.size()) grow();  // each node but the root has one edge
  const auto child = static_cast<std::uint32_t>(nodes_.size());
  edges_[slot_of(parent, label)] = {parent, child, static_cast<std::uint32_t>(labels_.size())};
  dns::append(labels_, label);
  nodes_[parent].has_children = true;
  nodes_.emplace_back();
  return child;
}

void RouteTable::grow() {
  const auto old = std::exchange(edges_, std::vector<Edge>(edges_.size() * 2));
  for (const auto& edge : old) {
    if (edge.child != 0) edges_[slot_of(edge.parent, label_of(edge))] = edge;
  }
}

}  // namespace pillion::resolve
