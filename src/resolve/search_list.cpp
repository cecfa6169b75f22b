#include "resolve/search_list.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "dns/name.hpp"

namespace pillion::resolve {
namespace {

using dns::Bytes;
using dns::NameView;

std::uint8_t to_lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20U) : byte;
}

bool is_digit(std::uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

bool is_word(Bytes label, std::string_view word) {
  return std::ranges::equal(label, word, {}, to_lower, [](char c) { return static_cast<std::uint8_t>(c); });
}

/// True if `label` may name a namespace or a service: an RFC 1123 label (Kubernetes "Object Names and IDs"; earlier,
/// services followed the narrower RFC 1035), which has letters, digits, and hyphens inside.
bool is_object_name(Bytes label) {
  const auto inside = [](std::uint8_t byte) {
    const auto lower = to_lower(byte);
    return is_digit(byte) || (lower >= 'a' && lower <= 'z') || byte == '-';
  };
  return label.front() != '-' && label.back() != '-' && std::ranges::all_of(label, inside);
}

/// True if `label` may be a pod's address: "10-1-2-3" for IPv4, "fd00--a" for IPv6, that is hexadecimal digits and two
/// to seven hyphens.
bool is_pod_address(Bytes label) {
  const auto hexadecimal = [](std::uint8_t byte) {
    return is_digit(byte) || (to_lower(byte) >= 'a' && to_lower(byte) <= 'f');
  };
  const auto hyphens = std::ranges::count(label, std::uint8_t{'-'});
  return hyphens >= 2 && hyphens <= 7 &&
         std::ranges::all_of(label, [&](std::uint8_t byte) { return byte == '-' || hexadecimal(byte); });
}

bool is_service_attribute(Bytes label) {
  return label.front() == '_';  // `_<port>` and `_<proto>` (RFC 2782)
}

/// `labels` are the labels before "svc", starting with the namespace.
bool is_below_services(std::span<const Bytes> labels) {
  if (!labels.empty() && !is_object_name(labels[0])) return false;
  if (labels.size() >= 2 && !is_object_name(labels[1])) return false;
  // The third label is a hostname, whose form the specification leaves open, or `_<proto>`.
  if (labels.size() == 4) return is_service_attribute(labels[2]) && is_service_attribute(labels[3]);
  return labels.size() <= 3;
}

/// `labels` are the labels before "pod", starting with the namespace.
bool is_below_pods(std::span<const Bytes> labels) {
  if (!labels.empty() && !is_object_name(labels[0])) return false;
  if (labels.size() == 2) return is_pod_address(labels[1]);
  return labels.size() <= 1;
}

/// The `<zone>` of `<ns>.svc.<zone>`; empty if the name has another form.
NameView cluster_zone_of(NameView domain) {
  if (domain.is_root()) return {};
  const auto service_tree = domain.parent();
  if (service_tree.is_root() || !is_word(service_tree.first_label(), "svc")) return {};
  const auto zone = service_tree.parent();
  return zone.is_root() ? NameView{} : zone;
}

/// True if `name` has one of the specification's forms. It has `count` labels, at least one, before the cluster's
/// zone.
bool has_form_of_specification(NameView name, std::size_t count) {
  static constexpr std::size_t longest = 5;  // _<port>._<proto>.<service>.<ns>.svc
  if (count > longest) return false;
  std::array<Bytes, longest> labels;  // from the zone down
  for (auto left = count; left != 0; --left, name = name.parent()) labels[left - 1] = name.first_label();
  const auto below = std::span(labels).subspan(1, count - 1);
  if (is_word(labels[0], "svc")) return is_below_services(below);
  if (is_word(labels[0], "pod")) return is_below_pods(below);
  return count == 1 && is_word(labels[0], "dns-version");
}

/// The last label of a base, with its length byte.
NameView last_label(NameView base) {
  while (base.first_label().size() + 1 < base.size()) base = base.parent();
  return base;
}

/// True if `base`, which has no root label, lies in `zone` or is it.
bool lies_in(NameView base, NameView zone) {
  return base.is_within(zone.bytes().first(zone.size() - 1));
}

}  // namespace

SearchList::SearchList(std::vector<dns::Buffer> domains, unsigned ndots) : domains_(std::move(domains)), ndots_(ndots) {
  if (domains_.empty()) return;
  const NameView first = domains_.front();
  const auto zone = cluster_zone_of(first);
  cluster_zone_.assign(zone.begin(), zone.end());
  guards_.push_back(domains_.front());
  if (!cluster_zone_.empty()) {
    const auto namespaces = first.parent();
    guards_.emplace_back(namespaces.begin(), namespaces.end());
  }
  const auto inner = cluster_zone_.empty() ? first : NameView(cluster_zone_);
  while (inner_count_ < domains_.size() && NameView(domains_[inner_count_]).is_within(inner)) ++inner_count_;
}

std::optional<Bytes> SearchList::base_of(Bytes name, std::uint16_t type) const {
  if (type != dns::type::a && type != dns::type::aaaa) return {};
  // If the root is the first domain, the first step of a walk is NAME itself, like a query for just that name.
  if (domains_.empty() || NameView(domains_.front()).is_root()) return {};
  const auto labels = NameView(name).labels_before(domains_.front());
  if (!labels || *labels < 2 || *labels - 1 >= ndots_) return {};  // a name has one dot less than labels
  return name.first(name.size() - domains_.front().size());
}

bool SearchList::append_candidate(Bytes base, std::size_t i, dns::Buffer& out) const {
  static constexpr std::array<std::uint8_t, 1> root{0};
  const auto domain = i < domains_.size() ? Bytes(domains_[i]) : Bytes(root);
  if (base.size() + domain.size() > dns::max_name_size) return false;
  dns::append(out, base);
  dns::append(out, domain);
  return true;
}

SearchList::Plan SearchList::plan_for(Bytes base) const {
  if (cluster_zone_.empty()) return {};
  dns::Buffer in_full;
  const bool may_be_meant = append_candidate(base, 0, in_full) && may_exist(in_full);
  const auto label = last_label(base).first_label();
  const bool is_in_zone = lies_in(base, cluster_zone_);
  Plan plan{.inner = inner_count_,
            .bare_is_inner = is_in_zone && inner_count_ == domains_.size(),
            .may_leave = !may_be_meant && !is_in_zone && !is_word(label, "svc") && !is_word(label, "pod")};
  const auto inner = std::span(domains_).first(inner_count_);
  const auto namespaces = std::ranges::find_if(inner, [&](NameView domain) { return domain == guards_[1]; });
  if (plan.may_leave && namespaces != inner.end())
    plan.in_guarded_namespace = static_cast<std::size_t>(namespaces - inner.begin());
  return plan;
}

bool SearchList::append_guard(Bytes base, std::size_t i, dns::Buffer& out) const {
  const auto label = last_label(base);
  if (label.size() + guards_[i].size() > dns::max_name_size) return false;
  dns::append(out, label);
  dns::append(out, guards_[i]);
  return true;
}

bool SearchList::leads_to_domain(Bytes name) const {
  return std::ranges::any_of(domains_, [&](NameView domain) { return domain.is_within(name); });
}

bool SearchList::may_exist(Bytes name) const {
  if (cluster_zone_.empty()) return true;
  const auto count = NameView(name).labels_before(cluster_zone_);
  return !count || *count == 0 || has_form_of_specification(name, *count) ||
         std::ranges::any_of(allowed_, [&](NameView zone) { return NameView(name).is_within(zone); });
}

void SearchList::allow(Bytes zone) {
  if (!may_exist(zone)) allowed_.emplace_back(zone.begin(), zone.end());
}

}  // namespace pillion::resolve
