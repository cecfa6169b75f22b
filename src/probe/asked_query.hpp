#pragma once
// A query that remembers what came of it. Pure.

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

/// What a reply says that is of interest here.
struct ReplyFacts {
  std::uint16_t rcode = 0;
  bool is_authentic = false;  ///< AD
  bool is_truncated = false;  ///< TC
  std::size_t size = 0;       ///< bytes; 0 where the reply could not be read as a whole
  unsigned records = 0;       ///< of the answer section
  bool has_edns = false;
  bool is_padded = false;
  std::optional<std::chrono::milliseconds> keepalive{};
  std::vector<std::uint16_t> extended_errors{};
  runtime::Duration latency{};
};

[[nodiscard]] ReplyFacts facts_of(const upstream::Reply& reply);

/// Asks for one name, as often as it is submitted. Must not be destroyed while it is under way.
class AskedQuery final : public upstream::Query {
 public:
  /// `name` in wire form. `ended` is called when the reply or a failure is there.
  AskedQuery(dns::Bytes name, std::uint16_t type, bool wants_dnssec, std::function<void()> ended);

  void replied(const upstream::Reply& reply) override;
  void failed(upstream::Error error) override;

  /// To be called before it is submitted.
  void begin();
  /// Its asker has abandoned it at its connection.
  void give_up() { is_under_way_ = false; }

  [[nodiscard]] bool is_under_way() const { return is_under_way_; }
  /// The reply's bytes are copied there, if it can be read as a whole. `buffer` outlives this.
  void keep_message_in(dns::Buffer& buffer) { kept_ = &buffer; }
  /// Why it has failed; nullopt where it has not.
  [[nodiscard]] std::optional<upstream::Error> error() const { return error_; }
  /// nullopt while it is under way, and where it has failed or was given up.
  [[nodiscard]] const std::optional<ReplyFacts>& reply() const { return reply_; }
  /// The same, once.
  [[nodiscard]] std::optional<ReplyFacts> take_reply() { return std::exchange(reply_, std::nullopt); }

 private:
  std::function<void()> ended_;
  bool is_under_way_ = false;
  std::optional<ReplyFacts> reply_;
  std::optional<upstream::Error> error_;
  dns::Buffer* kept_ = nullptr;
};

}  // namespace pillion::probe
