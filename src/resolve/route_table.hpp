#pragma once
// Which target answers a name: that of the longest zone which the name lies in.

#include <cstdint>
#include <optional>
#include <vector>

#include "dns/wire.hpp"

namespace pillion::resolve {

/// A trie over labels, from the top-level domain down. Names are in wire form, uncompressed and with the root label;
/// they are compared without regard to ASCII case (RFC 4343). Built at start-up; a look-up allocates nothing and ends
/// at the first label that no zone has, for most names their top-level domain.
class RouteTable {
 public:
  /// What a zone leads to; its meaning is the caller's.
  using Target = std::uint16_t;

  /// `root` is the target of every name that no other zone has.
  explicit RouteTable(Target root);

  /// Leads `zone` and what lies beneath it to `target`, in place of what the same zone led to before. A longer zone
  /// goes on leading to its own.
  void add(dns::Bytes zone, Target target);

  /// The target of the longest zone that is `name` or an ancestor of it.
  [[nodiscard]] Target find(dns::Bytes name) const;

  /// The zone that find() goes by: a suffix of `name`.
  [[nodiscard]] dns::Bytes zone_of(dns::Bytes name) const;

  /// True if `name` is a zone or an ancestor of one. Then that it does not exist for its own target says nothing about
  /// the names beneath it (RFC 8020).
  [[nodiscard]] bool leads_to_zone(dns::Bytes name) const;

 private:
  struct RouteNode {
    std::optional<Target> target;  ///< none where a name only lies between zones
    bool has_children = false;
  };
  /// From a node to one of its children by a label.
  struct Edge {
    std::uint32_t parent = 0;
    std::uint32_t child = 0;  ///< 0, which is the root and nobody's child: this slot is empty
    std::uint32_t label = 0;  ///< where the label starts in labels_, its length byte first
  };

  template <typename Visit>
  bool descend(dns::Bytes name, Visit visit) const;
  [[nodiscard]] std::uint32_t child_of(std::uint32_t parent, dns::Bytes label) const;
  [[nodiscard]] std::size_t slot_of(std::uint32_t parent, dns::Bytes label) const;
  [[nodiscard]] dns::Bytes label_of(const Edge& edge) const;
  std::uint32_t add_child(std::uint32_t parent, dns::Bytes label);
  void grow();

  std::vector<RouteNode> nodes_;  // the root is the first
  std::vector<Edge> edges_;       // all nodes' edges in one hash table of 2^n slots, at most half full
  dns::Buffer labels_;
};

}  // namespace pillion::resolve
