#pragma once
// Finds the target that answers a name: the target of the longest zone that the name lies in.

#include <cstdint>
#include <optional>
#include <vector>

#include "dns/wire.hpp"

namespace pillion::resolve {

/// A trie of labels, from the top-level domain down. Names are in wire form, uncompressed and with the root label.
/// They are compared without regard to ASCII case (RFC 4343). The table is built at start-up. A look-up allocates
/// nothing and ends at the first label that no zone has, which for most names is the top-level domain.
class RouteTable {
 public:
  /// The target of a zone. The caller defines its meaning.
  using Target = std::uint16_t;

  /// `root` is the target of the names in no other zone.
  explicit RouteTable(Target root);

  /// Sets the target of `zone` and the names beneath it, except those in a longer zone. Replaces the zone's earlier
  /// target.
  void add(dns::Bytes zone, Target target);

  /// The target of the longest zone that is `name` or an ancestor of it.
  [[nodiscard]] Target find(dns::Bytes name) const;

  /// The zone that find() uses: a suffix of `name`.
  [[nodiscard]] dns::Bytes zone_of(dns::Bytes name) const;

  /// True if `name` is a zone or an ancestor of one. A denial of `name` by its own target then says nothing about the
  /// names beneath it (RFC 8020).
  [[nodiscard]] bool leads_to_zone(dns::Bytes name) const;

 private:
  struct RouteNode {
    std::optional<Target> target;  ///< nullopt for a node that only lies between zones
    bool has_children = false;
  };
  /// An edge from a node to a child by a label.
  struct Edge {
    std::uint32_t parent = 0;
    std::uint32_t child = 0;  ///< 0 (the root, which is no child): the slot is empty
    std::uint32_t label = 0;  ///< offset of the label in labels_, its length byte first
  };

  template <typename Visit>
  bool descend(dns::Bytes name, Visit visit) const;
  [[nodiscard]] std::uint32_t child_of(std::uint32_t parent, dns::Bytes label) const;
  [[nodiscard]] std::size_t slot_of(std::uint32_t parent, dns::Bytes label) const;
  [[nodiscard]] dns::Bytes label_of(const Edge& edge) const;
  std::uint32_t add_child(std::uint32_t parent, dns::Bytes label);
  void grow();

  std::vector<RouteNode> nodes_;  // the root comes first
  std::vector<Edge> edges_;       // the edges of all nodes in one hash table of 2^n slots, at most half full
  dns::Buffer labels_;
};

}  // namespace pillion::resolve
