#pragma once
// The one verb, `resolve(query) → answer`: what is asked for, and what comes back.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/entry.hpp"
#include "dns/edns.hpp"
#include "dns/message.hpp"
#include "resolve/metrics.hpp"
#include "runtime/clock.hpp"
#include "upstream/trace.hpp"

namespace pillion::resolve {

/// The server of an upstream that answered.
struct AnsweringServer {
  std::string upstream;  ///< the group's name
  std::string address;   ///< "1.1.1.1:853"
};

/// Views buffers of whoever answers: valid only during the call that hands it over.
struct Answer {
  Source source = Source::local;
  /// From a Group: a reply as it came, dns::is_sound_reply(). From the Resolver: a message of ours without OPT, unless
  /// the query was signed: then the reply as it came, which must not be changed (RFC 8945 section 5.3).
  std::optional<dns::MessageView> message = {};
  /// What the cache holds, as it is at `now`; nullptr if the answer is not from there. Its addresses begin with the one
  /// at the place `rotation`.
  const cache::Entry* entry = nullptr;
  runtime::Time now = {};
  std::size_t rotation = 0;
  /// The response code, of 12 bits; of an entry it is the entry's own.
  std::uint16_t rcode = dns::rcode::servfail;
  /// The upstream's Extended DNS Errors as whole EDNS options, for an answer with a message of ours.
  dns::Bytes extended_errors = {};
  /// Extended DNS Error (RFC 8914) to go with it; nullopt means none.
  std::optional<std::uint16_t> info_code = {};
  std::string_view text = {};
  /// False if the failure is ours, not the name's, and must not be kept as such (RFC 9520 section 3.2).
  bool may_be_cached = true;
  /// nullptr if nobody was asked for this answer, or several were.
  const AnsweringServer* server = nullptr;
};

/// True if nobody answered, or somebody that he could not, or would not. Any response code but NOERROR and NXDOMAIN
/// refreshes nothing (RFC 8767 section 4).
[[nodiscard]] inline bool is_failure(const Answer& answer) {
  if (answer.entry != nullptr) return answer.entry->kind() == cache::Kind::failure;
  return answer.rcode != dns::rcode::noerror && answer.rcode != dns::rcode::nxdomain;
}

/// What has expired, for bad times (RFC 8767 section 4, with the Extended DNS Errors of RFC 8914 4.4 and 4.20).
[[nodiscard]] inline Answer stale_answer(const cache::Entry& entry, runtime::Time now) {
  const bool denies = entry.kind() == cache::Kind::nxdomain;
  return {.source = Source::stale,
          .entry = &entry,
          .now = now,
          .info_code = denies ? dns::extended_error::stale_nxdomain : dns::extended_error::stale_answer};
}

/// For want of room of ours, which `text` names: never the name's failure.
[[nodiscard]] constexpr Answer refusal(std::string_view text) {
  return {.rcode = dns::rcode::refused, .info_code = dns::extended_error::other, .text = text, .may_be_cached = false};
}

/// What becomes of a question over which an exception was thrown.
inline constexpr Answer internal_error{
    .info_code = dns::extended_error::other, .text = "internal error", .may_be_cached = false};

class KeptAnswer;

/// A client's question that is being resolved. Owned by the listener that it came from.
class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  /// Called exactly once for each question asked, possibly from within the call that asks it.
  virtual void answered(const Answer& answer) = 0;
  /// False if an answer with records would only lie about: whoever asked has not taken what it was given before.
  [[nodiscard]] virtual bool can_take() const { return true; }
  /// Called instead of answered(), and only where can_take() is false: the answer waits until it is true.
  virtual void keep(const std::shared_ptr<const KeptAnswer>& /*answer*/) {}

  /// Who wants to know what becomes of the question until it is answered.
  [[nodiscard]] const upstream::trace::Link& trace() const { return trace_; }

 protected:
  ~Request() = default;
  void trace_by(upstream::trace::Tracer* tracer) { trace_.tracer = tracer; }

 private:
  friend class RequestList;
  Request* next_ = nullptr;
  upstream::trace::Link trace_;
};

/// Requests that wait for the same answer, in the order in which they came. A request is in one list at most.
class RequestList {
 public:
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  void push_back(Request& request) {
    request.next_ = nullptr;
    (first_ == nullptr ? first_ : last_->next_) = &request;
    last_ = &request;
  }
  /// nullptr where there is none.
  Request* pop_front() {
    auto* const request = first_;
    if (request != nullptr) first_ = request->next_;
    return request;
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto* each = first_; each != nullptr; each = each->next_) visit(*each);
  }

 private:
  Request* first_ = nullptr;
  Request* last_ = nullptr;
};

}  // namespace pillion::resolve
