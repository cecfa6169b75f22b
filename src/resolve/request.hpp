#pragma once
// The types of the one operation, `resolve(query) → answer`: the request, and its answer.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/entry.hpp"
#include "dns/edns.hpp"
#include "dns/message.hpp"
#include "resolve/answer_source.hpp"
#include "runtime/clock.hpp"
#include "upstream/tracer.hpp"

namespace pillion::resolve {

/// The server of an upstream that answered.
struct AnsweringServer {
  std::string upstream;  ///< the group's name
  std::string address;   ///< "1.1.1.1:853"
};

/// What Pillion itself has too little of to answer a query.
enum class Shortage : std::uint8_t {
  none,
  memory,  ///< a share of the memory is used up
  places,  ///< as many queries as are allowed are in flight
};

/// An answer. It views buffers of the code that hands it over, and is valid only during that call.
struct Answer {
  Source source = Source::local;
  /// From a Group: the reply as it came, for which dns::is_sound_reply() holds. From the Resolver: a message of ours
  /// without OPT; but if the query was signed, the reply as it came, which must not be changed (RFC 8945 section 5.3).
  std::optional<dns::MessageView> message = {};
  /// The cache's entry as of `now`, or nullptr if the answer is not from the cache. `rotation` is the index of the
  /// address that comes first.
  const cache::Entry* entry = nullptr;
  runtime::Time now = {};
  std::size_t rotation = 0;
  /// The response code of 12 bits. Unused if there is an entry, which has its own.
  std::uint16_t rcode = dns::rcode::servfail;
  /// The upstream's Extended DNS Errors as whole EDNS options, if the message is ours.
  dns::Bytes extended_errors = {};
  /// The Extended DNS Error (RFC 8914) to add; nullopt: none.
  std::optional<std::uint16_t> info_code = {};
  std::string_view text = {};
  /// False if the failure is ours, not the name's, and must not be cached as the name's (RFC 9520 section 3.2).
  bool may_be_cached = true;
  /// Why Pillion has refused the query; none if it has not.
  Shortage shortage = Shortage::none;
  /// nullptr if nobody was asked for this answer, or several were.
  const AnsweringServer* server = nullptr;
};

/// True if the answer is a failure: no server answered, or one replied that it could or would not. Only NOERROR and
/// NXDOMAIN may refresh the cache (RFC 8767 section 4).
[[nodiscard]] inline bool is_failure(const Answer& answer) {
  if (answer.entry != nullptr) return answer.entry->kind() == cache::Kind::failure;
  return answer.rcode != dns::rcode::noerror && answer.rcode != dns::rcode::nxdomain;
}

/// An expired answer with its Extended DNS Error (RFC 8767 section 4, RFC 8914 4.4 and 4.20).
[[nodiscard]] inline Answer stale_answer(const cache::Entry& entry, runtime::Time now) {
  const bool denies = entry.kind() == cache::Kind::nxdomain;
  return {.source = Source::stale,
          .entry = &entry,
          .now = now,
          .info_code = denies ? dns::extended_error::stale_nxdomain : dns::extended_error::stale_answer};
}

/// The answer if Pillion itself has no room, which `text` names. It is never the name's failure.
[[nodiscard]] constexpr Answer refusal(Shortage shortage, std::string_view text) {
  return {.rcode = dns::rcode::refused,
          .info_code = dns::extended_error::other,
          .text = text,
          .may_be_cached = false,
          .shortage = shortage};
}

/// The answer to a question whose handling threw an exception.
inline constexpr Answer internal_error{
    .info_code = dns::extended_error::other, .text = "internal error", .may_be_cached = false};

class KeptAnswer;

/// A question that is being resolved: a client's, or one of Pillion's own (an in-flight query, a step of a search
/// walk, a loop probe, a traced question). Its maker owns it.
class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  /// Called exactly once for each time that the request was passed to resolve(), join() or ask(), possibly from within
  /// that call.
  virtual void answered(const Answer& answer) = 0;
  /// False if the client has not read its earlier answers, so that an answer with records could not be sent now.
  [[nodiscard]] virtual bool can_take() const { return true; }
  /// Called instead of answered() if can_take() is false. The answer waits until can_take() is true.
  virtual void keep(const std::shared_ptr<const KeptAnswer>& /*answer*/) {}

  /// The tracer that gets the events of this question until it is answered.
  [[nodiscard]] const upstream::trace::Link& trace() const { return trace_; }

 protected:
  ~Request() = default;
  void trace_by(upstream::trace::Tracer* tracer) { trace_.tracer = tracer; }

 private:
  friend class RequestList;
  Request* next_ = nullptr;
  upstream::trace::Link trace_;
};

/// Requests that wait for the same answer, in the order of their arrival. A request is in at most one list.
class RequestList {
 public:
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  void push_back(Request& request) {
    request.next_ = nullptr;
    if (first_ == nullptr) {
      first_ = &request;
    } else {
      last_->next_ = &request;
    }
    last_ = &request;
  }
  /// The first request, or nullptr if the list is empty.
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
