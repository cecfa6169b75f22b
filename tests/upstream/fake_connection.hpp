#pragma once
// A server and its connections without sockets: a pool sends queries into it, the test says what comes back.

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/post.hpp>

#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/pool.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream::testing {

class SilentLog final : public runtime::Log {
 public:
  SilentLog() : Log(runtime::LogLevel::error) {}

 private:
  void write(runtime::LogLevel, std::string_view, std::span<const runtime::Field>) override {}
};

class FakeConnection;

/// Keeps the connections that a pool has open, in the order of their making, and counts all that it ever had.
struct FakeServer {
  explicit FakeServer(runtime::Loop& shared_loop) : loop(shared_loop) {}
  [[nodiscard]] Pool::MakeConnection maker();

  runtime::Loop& loop;
  std::size_t max_in_flight = 512;
  std::size_t made = 0;
  std::uint16_t last_id = 0;
  std::vector<FakeConnection*> connections;
};

class FakeConnection final : public Connection {
 public:
  FakeConnection(FakeServer& server, ConnectionEvents& events, ServerProfile& profile)
      : server_(server),
        events_(events),
        profile_(profile),
        mux_(Mux::Path::stream, server.max_in_flight, [&server] { return ++server.last_id; }) {
    server_.connections.push_back(this);
    ++server_.made;
  }
  ~FakeConnection() override { std::erase(server_.connections, this); }

  void start() override { started = true; }
  void write_singly() override { singly = true; }
  void prove(runtime::Time /*now*/) override {
    ++probes;
    state_ = ConnectionState::proving;
  }
  void submit(Query& query, runtime::Time now) override {
    query.carrier = this;
    mux_.add(query, now);
    sent.push_back(&query);
  }
  void abandon(Query& query) override { mux_.abandon(query); }
  void retire() override {
    retired = true;
    if (has_ended(state_)) return;
    state_ = ConnectionState::draining;
    if (mux_.waited_for() == 0) end();
  }
  void close() override { end(); }
  [[nodiscard]] ConnectionState state() const override { return state_; }
  [[nodiscard]] std::size_t in_flight() const override { return mux_.in_flight(); }
  [[nodiscard]] std::size_t waited_for() const override { return mux_.waited_for(); }
  [[nodiscard]] bool has_room() const override { return mux_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const override { return mux_.answered(); }

  // What the server does:
  void become_ready(const Handshake& handshake = {}) {
    state_ = ConnectionState::ready;
    events_.ready(*this, handshake);
  }
  void reply(dns::Bytes message) {
    const auto received = mux_.receive(message, server_.loop.clock().now());
    if (received) {
      if (state_ == ConnectionState::proving || state_ == ConnectionState::silent) state_ = ConnectionState::ready;
      last_heard_ = server_.loop.clock().now();
      events_.received(*this, *received);
    } else {
      end(received.error());
    }
    if (retired && !ended_ && mux_.waited_for() == 0) end();
  }
  void answer(const Query& query) { reply(reply_to(query, query.id)); }
  void wear_out() {
    state_ = ConnectionState::worn;
    events_.wears_out(*this);
  }
  void answer_probe() {
    state_ = ConnectionState::ready;
    events_.answered_probe(*this);
  }
  void fall_silent() {
    if (state_ == ConnectionState::ready) state_ = ConnectionState::silent;
    events_.fell_silent(*this);
    mux_.delay_all(nullptr);
  }
  /// The server closes in an orderly way.
  void close_by_server() {
    profile_.closed_after(mux_.answered(), server_.loop.clock().now() - last_heard_);
    end();
  }
  void leave_lying() { events_.needs_single_records(*this); }
  void ignore(Error error) { events_.ignored(*this, error); }
  /// Orderly without an error. gone() follows in the next turn.
  void end(std::optional<Error> error = std::nullopt) {
    if (ended_) return;
    ended_ = true;
    state_ = ConnectionState::closed;
    boost::asio::post(server_.loop.io(), [this] { events_.gone(*this); });
    events_.closed(*this, error, "as the test says", mux_.close());
  }

  bool started = false;
  bool retired = false;
  bool singly = false;
  int probes = 0;
  std::vector<Query*> sent;

 private:
  FakeServer& server_;
  ConnectionEvents& events_;
  ServerProfile& profile_;
  runtime::Time last_heard_;
  Mux mux_;
  ConnectionState state_ = ConnectionState::connecting;
  bool ended_ = false;
};

inline Pool::MakeConnection FakeServer::maker() {
  return [this](ConnectionEvents& events, ServerProfile& profile) {
    return std::make_unique<FakeConnection>(*this, events, profile);
  };
}

/// Runs what is ready.
inline void turn(runtime::Loop& loop) {
  loop.io().restart();
  loop.io().poll();
}

/// Runs the loop until `enough` holds; false where it does not within a bound that is far more than any test needs.
template <typename Enough>
[[nodiscard]] bool run_until(runtime::Loop& loop, Enough enough) {
  const auto bound = runtime::Clock::now() + std::chrono::seconds(20);
  while (!enough()) {
    if (runtime::Clock::now() >= bound) return false;
    loop.io().restart();
    loop.io().run_one_until(bound);
  }
  return true;
}

}  // namespace pillion::upstream::testing
