#pragma once
// The search list of a pod (resolv.conf(5)) and what a walk of libc along it asks for.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dns/wire.hpp"

namespace pillion::resolve {

/// Knows a walk by its first step. For a NAME with fewer than ndots dots, glibc and musl ask for NAME.<first domain>,
/// then for NAME with each of the other domains, at last for NAME itself. With ndots or more dots musl never walks, and
/// glibc asks for NAME itself first: when NAME.<first domain> comes, NAME is already known missing.
///
/// What a resolver sees is only the first step, which a query for the full name NAME.<first domain> equals. Who asks
/// for that and finds nothing must not be given the answer for NAME, another name altogether. So a walk is made only as
/// far as the name can hardly be meant in full (Plan, guards); the rest of it is left to the client's libc.
///
/// A *base* is NAME in wire form without the root label, in the client's letter case.
class SearchList {
 public:
  /// `domains` are names in wire form, in the order of the list; empty: there are no walks.
  SearchList(std::vector<dns::Buffer> domains, unsigned ndots);

  /// The base of the walk that a query for `name` begins, a part of `name`; nullopt where it begins none: the type is
  /// neither A nor AAAA, the name does not end in the first domain or is that domain, or its base has ndots or more
  /// dots or none. A name of one label is found in the first domain or, as a full name, is another's business.
  ///
  /// Only A and AAAA, since these are what getaddrinfo asks for. For other types, search lists are hardly used (SRV, MX
  /// and HTTPS owners are written in full), and the answer would claim with a CNAME that whatever was asked for is
  /// elsewhere.
  ///
  /// A query for a full name that ends in the first domain looks the same. Its answer is the same too where that name
  /// exists, for it is the first candidate.
  [[nodiscard]] std::optional<dns::Bytes> base_of(dns::Bytes name, std::uint16_t type) const;

  /// How many names a walk asks for: one for each domain, and the base itself.
  [[nodiscard]] std::size_t candidate_count() const { return domains_.size() + 1; }

  /// Appends candidate `i` (less than candidate_count()) of the walk of `base` in wire form, root label included;
  /// false, and nothing appended, where it would be longer than 255 bytes (nor can libc ask for it then).
  [[nodiscard]] bool append_candidate(dns::Bytes base, std::size_t i, dns::Buffer& out) const;

  /// How far a walk may go. Candidates that lie in the cluster's zone are *inner* ones: asking for them tells nobody
  /// else of the name. Without a cluster (see may_exist()) only the first candidate is.
  struct Plan {
    std::size_t inner = 1;       ///< so many candidates, from the first on, are inner ones
    bool bare_is_inner = false;  ///< the base by itself is the next: it lies in the zone, and all domains do
    /// The others may be asked for. Not if the first candidate has a form of the cluster's names (may_exist()), as
    /// every base of two labels makes it: CoreDNS denies a headless Service without pods, and so no guard tells it from
    /// none. Nor if the base ends in `svc` or `pod` or lies in the zone.
    bool may_leave = true;
  };
  [[nodiscard]] Plan plan_for(dns::Bytes base) const;

  /// Guards of a base: names that must not exist (their A is NXDOMAIN) for a walk to go on. The first, the base's last
  /// label in the first domain, is one without which only the first candidate may be asked for: in a cluster, the base
  /// could be a pod of that Service. The second, which only a cluster has, is the namespace of that label: without it
  /// only inner candidates may.
  [[nodiscard]] std::size_t guard_count() const { return guards_.size(); }

  /// Appends guard `i` (less than guard_count()) of `base` in wire form. False, and nothing appended, where it would be
  /// longer than 255 bytes.
  [[nodiscard]] bool append_guard(dns::Bytes base, std::size_t i, dns::Buffer& out) const;

  /// True if `name` is one of the domains or an ancestor of one.
  [[nodiscard]] bool leads_to_domain(dns::Bytes name) const;

  /// True if `name` can exist in the cluster (Kubernetes DNS-Based Service Discovery 1.1.0, section 2). Under the
  /// cluster's zone there are `<service>.<ns>.svc`, `<hostname>.<service>.<ns>.svc`,
  /// `_<port>._<proto>.<service>.<ns>.svc`, `<address with dashes>.<ns>.pod`, `dns-version`, and what lies between
  /// these and the zone. True for names outside of that zone. Implementations may add names of their own (section 3):
  /// see allow(). The zone is known from a first domain of the form `<ns>.svc.<zone>`, as kubelet writes it; with any
  /// other first domain every name may exist.
  [[nodiscard]] bool may_exist(dns::Bytes name) const;

  /// Names in `zone`, in wire form, may exist too: the configuration has a route of its own for it. Without effect
  /// where `zone` itself has one of the forms above: a route for `svc.cluster.local` is no word on what lies beneath.
  void allow(dns::Bytes zone);

  friend bool operator==(const SearchList&, const SearchList&) = default;

 private:
  std::vector<dns::Buffer> domains_;
  unsigned ndots_;
  dns::Buffer cluster_zone_;         // empty where it is not known
  std::vector<dns::Buffer> guards_;  // each is to be preceded by a base's last label
  std::size_t inner_count_ = 0;      // domains, from the first on, in the cluster's zone, or the first alone
  std::vector<dns::Buffer> allowed_;
};

}  // namespace pillion::resolve
