#pragma once
// Replaces a pool: keeps the events of a connection as text, and passes replies to their queries.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "upstream/connection.hpp"

namespace pillion::upstream::testing {

class EventRecorder final : public ConnectionEvents {
 public:
  void ready(Connection& /*connection*/, const Handshake& /*handshake*/) override { say("ready"); }
  void received(Connection& /*connection*/, const Mux::Received& received) override {
    if (received.query == nullptr) {
      say("received for nobody");
    } else if (received.reply) {
      say("received");
      received.query->replied(*received.reply);
    } else {
      say("received " + std::string(traits(received.reply.error()).reason));
      received.query->failed(received.reply.error());
    }
  }
  void ignored(Connection& /*connection*/, Error error) override {
    say("ignored " + std::string(traits(error).reason));
  }
  void answered_probe(Connection& /*connection*/) override { say("answered probe"); }
  void fell_silent(Connection& /*connection*/) override { say("fell silent"); }
  void needs_single_records(Connection& /*connection*/) override { say("needs single records"); }
  void needs_replacement(Connection& /*connection*/) override { say("wears out"); }
  void unsendable(Connection& /*connection*/, Query& query) override {
    say("unsendable");
    query.failed(Error::query_too_large);
  }
  void closed(Connection& /*connection*/, std::optional<Error> error, std::string /*detail*/,
              std::vector<Query*> lost_queries) override {
    lost = std::move(lost_queries);
    say(error ? "closed " + std::string(traits(*error).reason) : "closed");
  }
  void gone(Connection& /*connection*/) override { say("gone"); }

  /// The events since the last call.
  std::vector<std::string> take() { return std::exchange(said_, {}); }

  std::vector<Query*> lost;
  /// Called after each event, with its text.
  std::function<void(const std::string&)> then;

 private:
  void say(std::string words) {
    said_.push_back(words);
    if (then) then(words);
  }

  std::vector<std::string> said_;
};

}  // namespace pillion::upstream::testing
