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
  constexpr runtime::EnumArray<Cause, std::string_view, 7> texts = {
      "",
      ", since another server failed",
      ", since another server refused",
      ", since another server is slow",
      ", since the connection to another server is silent",
      ", since another server is slower than usual (hedge)",
      ", in a second round"};
  return texts[cause];
}

std::string_view text_of(Why why) {
  constexpr runtime::EnumArray<Why, std::string_view, 8> texts = {
      "the only server left",
      "the lowest latency",
      "no server has a known latency yet",
      "not the fastest, to keep its latency known",
      "the first in the list",
      "its turn in the rotation",
      "chosen at random",
      "all servers are in back-off, and this one ends first"};
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
      return text + "already asked";
    case ServerState::backed_off:
      break;
  }
  return text + "in back-off" + (server.trouble ? ", " + std::string(traits(*server.trouble).text) : "");
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
    return event.is_special_use ? event.zone + " is a special-use domain (RFC 6761): Pillion answers itself"
                                : "zone " + event.zone + " has records in the configuration: Pillion answers itself";
  }
  std::string operator()(const LoopFound& /*event*/) const {
    return "forwarding loop: an upstream has sent this question of Pillion back to Pillion";
  }
  std::string operator()(const Withheld& /*event*/) const {
    return "no such name can exist in the cluster: does not ask the upstream";
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
        return "the cache is off";
      case CacheState::bypassed:
        return "the query is signed: does not use the cache";
      case CacheState::miss:
        return "the cache has no answer";
      case CacheState::fresh:
      case CacheState::fresh_failure:
        return "the cache has " + of_entry();
      case CacheState::stale:
        return "the cache has an expired answer";
      case CacheState::stale_given:
        break;
    }
    return "the upstream has just failed, and the cache has " + of_entry();
  }
  std::string operator()(const Joined& event) const {
    return "joins the identical query in flight, which has " + counted(event.waiting, "waiter");
  }
  std::string operator()(const Asked& event) const {
    return event.is_shared ? "no identical query is in flight: asks the upstream"
                           : "asks the upstream for this query alone";
  }
  std::string operator()(const StaleGiven& event) const {
    switch (event.since) {
      case StaleGiven::Since::group_is_down:
        return "no server is up: gives the expired answer";
      case StaleGiven::Since::waited:
        return "no answer in time: gives the expired answer";
      case StaleGiven::Since::failed:
        break;
    }
    return "no server has answered: gives the expired answer";
  }
  std::string operator()(const Kept& event) const {
    return "the cache keeps " + std::string(text_of(event.content)) + " for " + to_text(event.lifetime);
  }
  std::string operator()(const NotKept& event) const { return "the cache does not keep the answer: " + event.reason; }
  std::string operator()(const ServerChosen& event) const {
    std::string others;
    for (const auto& each : event.considered) others += (others.empty() ? "" : "; ") + text_of(each);
    return "chooses " + event.server + std::string(text_of(event.cause)) + ": " + std::string(text_of(event.why)) +
           " (" + others + ")";
  }
  std::string operator()(const HedgeWithheld& event) const {
    return "does not ask " + event.server + " too: no hedge is left in the budget";
  }
  std::string operator()(const NotAsked& event) const {
    return "cannot ask " + event.server + ": " + with_detail(std::string(traits(event.error).text), event.detail);
  }
  std::string operator()(const Waits& event) const {
    switch (event.what) {
      case Waits::For::connection:
        return "waits for a connection to " + event.server;
      case Waits::For::retry:
        return "waits until the back-off of " + event.server + " ends";
      case Waits::For::lane:
        break;
    }
    return "waits for a connection to " + event.server + " of its own, since it was on a connection that ended";
  }
  std::string operator()(const Sent& event) const {
    const auto connection =
        event.sent_before == 0
            ? std::string(" on a new connection")
            : " on a connection of " + to_text(event.age) + ", after " +
                  (event.sent_before == 1 ? "one query" : std::to_string(event.sent_before) + " queries");
    return "sent to " + event.server + " by " + std::string(event.protocol) + connection +
           (event.in_flight > 0 ? ", " + std::to_string(event.in_flight) + " in flight" : "") +
           (event.tls ? text_of(*event.tls) : "");
  }
  std::string operator()(const ConnectionEnded& event) const {
    const auto what = event.error ? std::string(traits(*event.error).text) : "connection closed by the server";
    return event.server + ": " + with_detail(what, event.detail) +
           (event.is_sent_again ? "; sends the query again on another connection" : "");
  }
  std::string operator()(const GoesOverTcp& event) const {
    switch (event.since) {
      case GoesOverTcp::Since::truncated:
        return event.server + " has truncated the answer: asks again over TCP";
      case GoesOverTcp::Since::too_long:
        return "the query is too long for a datagram: asks " + event.server + " over TCP";
      case GoesOverTcp::Since::mismatched:
        break;
    }
    return "replies from " + event.server + " match no query: asks again over TCP";
  }
  std::string operator()(const SentAgain& event) const {
    return "no answer from " + event.server + " yet: sends the query again, since a datagram may be lost";
  }
  std::string operator()(const SentWithoutEdns& event) const {
    return event.server + " refuses the query with EDNS: sends it again without";
  }
  std::string operator()(const Replied& event) const {
    return with_errors(event.server + " replies " + presentation::rcode_to_text(event.rcode) +
                           (event.is_truncated ? ", truncated" : "") + " with " + counted(event.answers, "record") +
                           " after " + to_text(event.latency) +
                           (event.is_usable ? "" : ", which is not usable while another server may answer"),
                       event.errors);
  }
  std::string operator()(const Failed& event) const {
    return event.server + " fails: " + std::string(traits(event.error).text);
  }
  std::string operator()(const FellSilent& event) const { return "the connection to " + event.server + " is silent"; }
  std::string operator()(const GaveUp& event) const {
    return "gives up: " + to_text(event.budget) + ", the time limit of a query, has passed";
  }
  std::string operator()(const WalkBegan& event) const {
    return "begins a search walk for " + event.base + ": " + counted(event.candidates, "candidate");
  }
  std::string operator()(const StepEnded& event) const {
    constexpr runtime::EnumArray<NameState, std::string_view, 3> findings = {" exists", " does not exist", " failed"};
    return (event.is_guard ? "guard " : "candidate ") + event.name + std::string(findings[event.finding]);
  }
  std::string operator()(const StepPassed& event) const {
    return "goes on without candidate " + event.name + ", which has no answer: namespace " + event.denied +
           " does not exist";
  }
  std::string operator()(const WalkEnded& event) const {
    return event.has_found ? "the search walk has found " + event.name
                           : "the search walk has found no name: answers as for " + event.name;
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
