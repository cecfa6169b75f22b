#pragma once
// The newest queries of one shard, for the status page. Off unless the configuration sets a number. Pure.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dns/wire.hpp"
#include "resolve/answer_source.hpp"
#include "runtime/clock.hpp"
#include "server/client_address.hpp"
#include "server/client_transport.hpp"

namespace pillion::server {

/// An answered query. It has a fixed size, so that keeping one allocates nothing.
struct RecentQuery {
  runtime::Time answered_at;
  runtime::Duration duration = {};  ///< from receipt to answer
  ClientAddress client{};
  Transport transport = Transport::udp;
  resolve::Source source = resolve::Source::local;
  std::uint16_t type = 0;
  std::uint16_t rcode = 0;
  std::uint8_t name_size = 0;
  std::array<std::uint8_t, dns::max_name_size> name{};  ///< wire form, the first name_size bytes
};

/// A ring in which a new query replaces the oldest.
class RecentQueries {
 public:
  /// Keeps at most `size` queries and forgets those that it has. 0 switches it off.
  void resize(std::size_t size) {
    if (size == ring_.size()) return;
    ring_ = std::vector<RecentQuery>(size);
    next_ = count_ = 0;
  }
  [[nodiscard]] bool is_on() const { return !ring_.empty(); }
  [[nodiscard]] std::size_t size() const { return ring_.size(); }

  /// `name` is in wire form and has at most dns::max_name_size bytes. Call only if is_on().
  void add(RecentQuery query, dns::Bytes name) {
    query.name_size = static_cast<std::uint8_t>(std::min(name.size(), query.name.size()));
    std::copy_n(name.begin(), query.name_size, query.name.begin());
    ring_[next_] = query;
    next_ = (next_ + 1) % ring_.size();
    count_ = std::min(count_ + 1, ring_.size());
  }

  /// At most `limit` queries, the newest first.
  [[nodiscard]] std::vector<RecentQuery> newest(std::size_t limit) const {
    std::vector<RecentQuery> found;
    found.reserve(std::min(limit, count_));
    for (std::size_t back = 1; back <= std::min(limit, count_); ++back)
      found.push_back(ring_[(next_ + ring_.size() - back) % ring_.size()]);
    return found;
  }

 private:
  std::vector<RecentQuery> ring_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace pillion::server
