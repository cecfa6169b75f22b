#pragma once
// A query that keeps its outcome. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/clock.hpp"
#include "upstream/query.hpp"

namespace pillion::probe {

/// The facts of a reply that the probe evaluates.
struct ReplyFacts {
  std::uint16_t rcode = 0;
  bool is_authentic = false;  ///< AD
  bool is_truncated = false;  ///< TC
  std::size_t size = 0;       ///< bytes; 0 if the reply could not be parsed completely
  unsigned records = 0;       ///< in the answer section
  bool has_edns = false;
  bool is_padded = false;
  std::optional<std::chrono::milliseconds> keepalive{};
  std::vector<std::uint16_t> extended_errors{};
  runtime::Duration latency{};
};

[[nodiscard]] ReplyFacts facts_of(const upstream::Reply& reply);

/// Asks for one name each time it is submitted. It must not be destroyed while it is in flight.
class AskedQuery final : public upstream::Query {
 public:
  /// `name` is in wire form. `ended` is called when the reply or the failure is known.
  AskedQuery(dns::Bytes name, std::uint16_t type, bool wants_dnssec, std::function<void()> ended);

  void replied(const upstream::Reply& reply) override;
  void failed(upstream::Error error) override;

  /// Called before the query is submitted.
  void begin();
  /// Called after the owner has abandoned the query at its connection.
  void give_up() { is_under_way_ = false; }

  [[nodiscard]] bool is_under_way() const { return is_under_way_; }
  /// Makes replied() copy the message into `buffer` if it could be parsed completely. `buffer` must outlive this
  /// query.
  void keep_message_in(dns::Buffer& buffer) { kept_ = &buffer; }
  /// The reason of the failure, or nullopt if the query has not failed.
  [[nodiscard]] std::optional<upstream::Error> error() const { return error_; }
  /// The facts of the reply, or nullopt while the query is in flight, or if it has failed or was given up.
  [[nodiscard]] const std::optional<ReplyFacts>& reply() const { return reply_; }
  /// Returns reply() and clears it.
  [[nodiscard]] std::optional<ReplyFacts> take_reply() { return std::exchange(reply_, std::nullopt); }

 private:
  std::function<void()> ended_;
  bool is_under_way_ = false;
  std::optional<ReplyFacts> reply_;
  std::optional<upstream::Error> error_;
  dns::Buffer* kept_ = nullptr;
};

}  // namespace pillion::probe
