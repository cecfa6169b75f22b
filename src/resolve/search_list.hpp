#pragma once
// The search list of a pod (resolv.conf(5)), and the names that a walk of libc along it asks for.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dns/wire.hpp"

namespace pillion::resolve {

/// Recognises a walk by its first step. For a NAME with fewer than ndots dots, glibc and musl ask for NAME.<first
/// domain>, then for NAME with each of the other domains, and last for NAME itself. With ndots or more dots musl never
/// walks, and glibc asks for NAME itself first: when it asks for NAME.<first domain>, NAME is already known not to
/// exist.
///
/// A resolver sees only the first step, which looks like a query for the full name NAME.<first domain>. A client that
/// asks for the full name, which does not exist, must not get the answer for NAME, a different name. So Pillion walks
/// only as far as the name can hardly be meant in full (Plan, guards), and leaves the rest to the client's libc.
///
/// A *base* is NAME in wire form without the root label, in the client's letter case.
class SearchList {
 public:
  /// `domains` are names in wire form, in the order of the list. If it is empty, there are no walks.
  SearchList(std::vector<dns::Buffer> domains, unsigned ndots);

  /// The base of the walk that a query for `name` begins, as a part of `name`. nullopt if the query begins no walk:
  /// the type is neither A nor AAAA, `name` is the first domain or does not lie beneath it, or the base has no dot, or
  /// ndots or more. A base of one label is either found in the first domain or a full name elsewhere.
  ///
  /// Only A and AAAA, since getaddrinfo asks for these. For other types search lists are hardly used (owners of SRV,
  /// MX and HTTPS are written in full), and the CNAME of the answer would claim that every type of the name is
  /// elsewhere.
  ///
  /// A query for a full name that ends in the first domain looks the same. If that name exists, its answer is the same
  /// too, since it is the first candidate.
  [[nodiscard]] std::optional<dns::Bytes> base_of(dns::Bytes name, std::uint16_t type) const;

  /// The number of names that a walk asks for: one for each domain, and the base itself.
  [[nodiscard]] std::size_t candidate_count() const { return domains_.size() + 1; }

  /// Appends candidate `i` (less than candidate_count()) of the walk of `base` in wire form, with the root label.
  /// False, and nothing appended, if it would be longer than 255 bytes (libc cannot ask for it either).
  [[nodiscard]] bool append_candidate(dns::Bytes base, std::size_t i, dns::Buffer& out) const;

  /// How far a walk may go. Candidates in the cluster's zone are *inner* ones: asking for them reveals the name to
  /// nobody else. Without a cluster (see may_exist()) only the first candidate is inner.
  struct Plan {
    std::size_t inner = 1;       ///< number of inner candidates, from the first one on
    bool bare_is_inner = false;  ///< the base alone comes next: it and all domains lie in the zone
    /// True if the other candidates may be asked for. False if the first candidate has a form of the cluster's names
    /// (may_exist()), as with every base of two labels: CoreDNS denies a headless Service without pods, so that no
    /// guard can tell it from a missing one. Also false if the base ends in `svc` or `pod` or lies in the zone.
    bool may_leave = true;
    /// The candidate beneath the second guard. It cannot exist if that namespace does not. nullopt if there is none, or
    /// if the second guard is not asked for.
    std::optional<std::size_t> in_guarded_namespace = {};
  };
  [[nodiscard]] Plan plan_for(dns::Bytes base) const;

  /// The guards of a base are names that must not exist (their A is NXDOMAIN) for a walk to go on. The first guard is
  /// the base's last label in the first domain. If it exists, only the first candidate may be asked for: in a cluster,
  /// the base could be a pod of that Service. The second guard, which only a cluster has, is the namespace with that
  /// label. If it exists, only inner candidates may be asked for.
  [[nodiscard]] std::size_t guard_count() const { return guards_.size(); }

  /// Appends guard `i` (less than guard_count()) of `base` in wire form. False, and nothing appended, if it would be
  /// longer than 255 bytes.
  [[nodiscard]] bool append_guard(dns::Bytes base, std::size_t i, dns::Buffer& out) const;

  /// True if `name` is one of the domains or an ancestor of one.
  [[nodiscard]] bool leads_to_domain(dns::Bytes name) const;

  /// True if `name` can exist in the cluster (Kubernetes DNS-Based Service Discovery 1.1.0, section 2). Beneath the
  /// cluster's zone there are `<service>.<ns>.svc`, `<hostname>.<service>.<ns>.svc`,
  /// `_<port>._<proto>.<service>.<ns>.svc`, `<address with dashes>.<ns>.pod`, `dns-version`, and the names between
  /// these and the zone. True for every name outside of the zone. Implementations may add names (section 3): see
  /// allow(). The zone is known if the first domain has the form `<ns>.svc.<zone>`, as kubelet writes it; with any
  /// other first domain every name may exist.
  [[nodiscard]] bool may_exist(dns::Bytes name) const;

  /// Lets names in `zone` (wire form) exist too, because the configuration has its own route for it. Has no effect if
  /// `zone` itself has one of the forms above: a route for `svc.cluster.local` says nothing about the names beneath
  /// it.
  void allow(dns::Bytes zone);

  friend bool operator==(const SearchList&, const SearchList&) = default;

 private:
  std::vector<dns::Buffer> domains_;
  unsigned ndots_;
  dns::Buffer cluster_zone_;         // empty if unknown
  std::vector<dns::Buffer> guards_;  // each is appended to the base's last label
  // Number of domains, from the first on, that lie in the cluster's zone; at least the first.
  std::size_t inner_count_ = 0;
  std::vector<dns::Buffer> allowed_;
};

}  // namespace pillion::resolve
