// The events of a trace as text for people.

#include "upstream/trace_text.hpp"

#include <array>
#include <cstdio>

#include "presentation/mnemonics.hpp"
#include "upstream/trace_words.hpp"

namespace pillion::upstream::trace {
namespace {

/// "12 ms", "0.25 ms", "1.8 s", "120 s".
std::string to_text(runtime::Duration duration) {
  const auto seconds = std::chrono::duration<double>(duration).count();
  std::array<char, 32> text{};
  if (seconds < 1) {
    std::snprintf(text.data(), text.size(), "%.3g ms", seconds * 1000);
  } else if (seconds < 100) {
    std::snprintf(text.data(), text.size(), "%.3g s", seconds);
  } else {
    std::snprintf(text.data(), text.size(), "%.0f s", seconds);
  }
  return text.data();
}

std::string_view text_of(Content content) {
  constexpr runtime::EnumArray<Content, std::string_view, 4> texts = {"an answer", "NXDOMAIN", "NODATA", "a failure"};
  return texts[content];
}

std::string_view text_of(Cause cause) {
  constexpr runtime::EnumArray<Cause, std::string_view, 7> texts = {"",
                                                                    ", since another failed",
                                                                    ", since another would not answer",
                                                                    ", since another takes long",
                                                                    ", since another fell silent",
                                                                    ", since another is slower than usual (hedge)",
                                                                    ", in a second round"};
  return texts[cause];
}

std::string_view text_of(Why why) {
  constexpr runtime::EnumArray<Why, std::string_view, 8> texts = {"the only one left",
                                                                  "the lowest latency",
                                                                  "no latency is known yet",
                                                                  "not the fastest, to keep its latency known",
                                                                  "the first in order",
                                                                  "its turn",
                                                                  "by chance",
                                                                  "all are backed off from, this one the shortest"};
  return texts[why];
}

std::string with_errors(std::string text, const std::vector<SaidError>& errors) {
  for (const auto& each : errors) {
    text += ", EDE " + std::to_string(each.info_code);
    if (!each.text.empty()) text += " (" + each.text + ")";
  }
  return text;
}

std::string with_detail(const std::string& text, const std::string& detail) {
  return detail.empty() ? text : text + " (" + detail + ")";
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string text_of(const Considered& server) {
  auto text = server.server + ": ";
  switch (server.state) {
    case ServerState::responsive:
      return text + (server.latency ? to_text(*server.latency) : "not measured");
    case ServerState::silent:
      return text + "silent";
    case ServerState::tried:
      return text + "has had it";
    case ServerState::backed_off:
      break;
  }
  return text + "backed off from" + (server.trouble ? ", " + std::string(traits(*server.trouble).text) : "");
}

std::string text_of(const TlsSession& tls) {
  return ", " + tls.version + " " + tls.group + " " + tls.cipher + ", verified " + tls.verified_name +
         (tls.resumed ? ", resumed" : ", full handshake") + " in " + to_text(tls.handshake);
}

struct Speaker {
  std::string operator()(const Routed& event) const {
    return "route " + event.zone + " leads to upstream " + event.group +
           (event.is_encrypted ? " (TLS)" : " (in the clear)");
  }
  std::string operator()(const AnsweredLocally& event) const {
    return event.is_special_use ? event.zone + " is a special-use domain (RFC 6761): answered here"
                                : "zone " + event.zone + " is of the configuration: answered here";
  }
  std::string operator()(const LoopFound& /*event*/) const {
    return "forwarding loop: an upstream has sent this question of ours back to us";
  }
  std::string operator()(const Withheld& /*event*/) const {
    return "no such name can exist in the cluster: nobody is asked";
  }
  std::string operator()(const CacheLooked& event) const {
    const auto of_entry = [&] {
      if (!event.content) return std::string();
      return std::string(text_of(*event.content)) + " for " + event.name + ", stored " + to_text(event.age) + " ago, " +
             (event.left > runtime::Duration::zero() ? "good for " + to_text(event.left)
                                                     : "expired " + to_text(-event.left) + " ago");
    };
    switch (event.state) {
      case CacheState::disabled:
        return "there is no cache";
      case CacheState::bypassed:
        return "the cache is passed by: the query is signed";
      case CacheState::miss:
        return "the cache has nothing";
      case CacheState::fresh:
        return "the cache has " + of_entry();
      case CacheState::fresh_failure:
        return "the cache keeps " + of_entry();
      case CacheState::stale:
        return "the cache has an answer that has expired";
      case CacheState::stale_given:
        break;
    }
    return "the upstream has just failed, and the cache has " + of_entry();
  }
  std::string operator()(const Joined& event) const {
    return "joins the same question, which is under way for " + counted(event.waiting, "other");
  }
  std::string operator()(const Asked& event) const {
    return event.is_shared ? "nobody asks this yet: asks the upstream" : "asks the upstream for this query alone";
  }
  std::string operator()(const StaleGiven& event) const {
    switch (event.since) {
      case StaleGiven::Since::group_is_down:
        return "no server is up: the expired answer is given";
      case StaleGiven::Since::waited:
        return "no answer for long: the expired one is given";
      case StaleGiven::Since::failed:
        break;
    }
    return "nobody has answered: the expired answer is given";
  }
  std::string operator()(const Kept& event) const {
    return "the cache keeps " + std::string(text_of(event.content)) + " for " + to_text(event.lifetime);
  }
  std::string operator()(const NotKept& event) const { return "not kept: " + event.reason; }
  std::string operator()(const ServerChosen& event) const {
    std::string others;
    for (const auto& each : event.considered) others += (others.empty() ? "" : "; ") + text_of(each);
    return "chooses " + event.server + std::string(text_of(event.cause)) + ": " + std::string(text_of(event.why)) +
           " (" + others + ")";
  }
  std::string operator()(const HedgeWithheld& event) const {
    return event.server + " is not asked as well: too many hedges lately";
  }
  std::string operator()(const NotAsked& event) const {
    return event.server + " cannot be asked: " + with_detail(std::string(traits(event.error).text), event.detail);
  }
  std::string operator()(const Waits& event) const {
    switch (event.what) {
      case Waits::For::connection:
        return "waits for a connection to " + event.server;
      case Waits::For::retry:
        return "waits for the next try at " + event.server + ", which is backed off from";
      case Waits::For::lane:
        break;
    }
    return "waits to be sent to " + event.server + " apart from the others: it was on a connection that ended";
  }
  std::string operator()(const Sent& event) const {
    const auto connection =
        event.sent_before == 0
            ? std::string(" on a new connection")
            : " on a connection of " + to_text(event.age) + " that has had " +
                  (event.sent_before == 1 ? "one query" : std::to_string(event.sent_before) + " queries");
    return "sent to " + event.server + " by " + std::string(event.protocol) + connection +
           (event.in_flight > 0 ? ", " + std::to_string(event.in_flight) + " in flight" : "") +
           (event.tls ? text_of(*event.tls) : "");
  }
  std::string operator()(const ConnectionEnded& event) const {
    const auto what = event.error ? std::string(traits(*event.error).text) : "connection closed by the server";
    return event.server + ": " + with_detail(what, event.detail) +
           (event.is_sent_again ? "; goes to the next connection" : "");
  }
  std::string operator()(const GoesOverTcp& event) const {
    switch (event.since) {
      case GoesOverTcp::Since::truncated:
        return event.server + " has truncated the answer: asked again over TCP";
      case GoesOverTcp::Since::too_long:
        return "too long for a datagram: " + event.server + " is asked over TCP";
      case GoesOverTcp::Since::mismatched:
        break;
    }
    return "replies from " + event.server + " match nothing: asked again over TCP";
  }
  std::string operator()(const SentAgain& event) const {
    return "no answer from " + event.server + " yet: sent again, since a datagram may be lost";
  }
  std::string operator()(const SentWithoutEdns& event) const {
    return event.server + " refuses it with EDNS: sent again without";
  }
  std::string operator()(const Replied& event) const {
    return with_errors(event.server + " replies " + presentation::rcode_to_text(event.rcode) +
                           (event.is_truncated ? ", truncated" : "") + " with " + counted(event.answers, "record") +
                           " after " + to_text(event.latency) +
                           (event.is_usable ? "" : ", which another server may do better"),
                       event.errors);
  }
  std::string operator()(const Failed& event) const {
    return event.server + " fails: " + std::string(traits(event.error).text);
  }
  std::string operator()(const FellSilent& event) const { return "the connection to " + event.server + " is silent"; }
  std::string operator()(const GaveUp& event) const {
    return "gives up: the time of a query, " + to_text(event.budget) + ", is over";
  }
  std::string operator()(const WalkBegan& event) const {
    return "first step of a search for " + event.base + ": " + counted(event.candidates, "candidate");
  }
  std::string operator()(const StepEnded& event) const {
    constexpr runtime::EnumArray<NameState, std::string_view, 3> findings = {" exists", " does not exist", " failed"};
    return (event.is_guard ? "guard " : "candidate ") + event.name + std::string(findings[event.finding]);
  }
  std::string operator()(const WalkEnded& event) const {
    return event.has_found ? "the search ends with " + event.name
                           : "the search leads no further: the answer is that to " + event.name;
  }
  std::string operator()(const Answered& event) const {
    return with_errors("answer from " + std::string(event.source) + ": " + presentation::rcode_to_text(event.rcode) +
                           " with " + counted(event.answers, "record") + (event.is_truncated ? ", truncated" : ""),
                       event.errors);
  }
};

}  // namespace

std::string line_of(const What& what) {
  return std::visit(Speaker{}, what);
}

std::string line_of(const Event& event) {
  std::array<char, 32> time{};
  std::snprintf(time.data(), time.size(), "%9.3f ms  ", std::chrono::duration<double, std::milli>(event.at).count());
  return time.data() + (event.step.empty() ? "" : "[" + event.step + "] ") + line_of(event.what);
}

}  // namespace pillion::upstream::trace
