#pragma once
// Asks a question as a client would, and records what happens to it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>

#include "dns/wire.hpp"
#include "resolve/resolver.hpp"
#include "runtime/schedule.hpp"
#include "upstream/trace.hpp"
#include "upstream/tracer.hpp"

namespace pillion::server {

/// The question, which is asked with RD and EDNS.
struct ExplainedQuestion {
  dns::Buffer name;  ///< in wire form
  std::uint16_t type = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
};

/// The recorded events, and the answer.
struct Explanation {
  upstream::trace::Trace trace;
  dns::Buffer answer;  ///< the whole message that a client would get over TCP; empty if it could not be made
};

/// Asks the resolver of one shard, on its thread. An explained question takes no place among the clients' queries,
/// since their limits are not what it is about.
class Explainer {
 public:
  /// The most explanations in progress at once.
  static constexpr std::size_t max_under_way = 16;

  /// The references must outlive this. `udp_payload` is the size in bytes that answers state in their OPT record
  /// (dns.udp_payload).
  Explainer(runtime::Schedule& schedule, resolve::Resolver& resolver, std::uint16_t udp_payload)
      : schedule_(schedule), resolver_(resolver), udp_payload_(udp_payload) {}
  Explainer(const Explainer&) = delete;
  Explainer& operator=(const Explainer&) = delete;

  /// After a reload; for what is asked from now on.
  void set_udp_payload(std::uint16_t udp_payload) { udp_payload_ = udp_payload; }

  using Done = std::function<void(Explanation)>;
  /// False, and `done` is not called, if too many are in progress. Otherwise `done` is called once, at the latest when
  /// the budget of a query ends, and possibly from within this call. It is not called if this is destroyed before.
  [[nodiscard]] bool explain(const ExplainedQuestion& question, Done done);

 private:
  class TracedRequest final : public resolve::Request, upstream::trace::Tracer {
   public:
    TracedRequest(Explainer& owner, const ExplainedQuestion& question, Done done);
    void ask();
    void answered(const resolve::Answer& answer) override;

   private:
    void note(const upstream::trace::What& what, std::string_view step) override;
    void lost() noexcept override { trace_of_it_.lose(); }
    [[nodiscard]] dns::QueryView view() const;

    Explainer& owner_;
    dns::Buffer query_;
    Done done_;
    upstream::trace::Trace trace_of_it_;
  };

  void end(const TracedRequest& request);

  runtime::Schedule& schedule_;
  resolve::Resolver& resolver_;
  std::uint16_t udp_payload_;
  std::list<TracedRequest> under_way_;
};

}  // namespace pillion::server
