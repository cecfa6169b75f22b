// A pool with its connections over streams: any sequence of queries, abandonments, handshakes, good and corrupted
// replies, closes, resets and times. The input is a list of events, one byte each and their arguments; missing bytes at
// the end count as zero. Afterwards the server answers correctly, and every query must end.

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "dns/response.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/input.hpp"
#include "support/hand_turned.hpp"
#include "upstream/fake_stream.hpp"
#include "upstream/pool.hpp"
#include "upstream/stream_connection.hpp"

namespace pillion::fuzz {
namespace {

using dns::Buffer;
using dns::Bytes;
using std::chrono::milliseconds;
using upstream::Error;
using upstream::testing::FakeStream;
using upstream::testing::reply_to_written;

class NoLines final : public runtime::Log {
 public:
  NoLines() : Log(runtime::LogLevel::error) {}

 private:
  void write(runtime::LogLevel, std::string_view, std::span<const runtime::Field>) override {}
};

class Run;

/// A query whose owner may ask again after a failure.
class Question final : public upstream::Query {
 public:
  explicit Question(Run& run) : run_(run) {}
  void replied(const upstream::Reply& reply) override;
  void failed(Error error) override;

  bool is_open = false;
  bool is_being_given = false;
  std::size_t retries = 0;

 private:
  Run& run_;
};

/// The server's side of a connection.
struct Peer {
  upstream::StreamConnection* connection = nullptr;
  FakeStream* stream = nullptr;
  bool is_connected = false;
  bool is_open = false;
  std::vector<Buffer> unanswered;
};

class Run {
 public:
  explicit Run(Input input)
      : input_(input), limits_({.max_in_flight = 1 + input_.below(6)}), pool_(make_pool(1 + input_.below(3))) {
    pool_->on_recovery([this] {
      if (input_.below(2) == 0) submit();
    });
    pool_->start();
    compare();
  }

  void all() {
    while (!input_.is_over()) {
      one();
      compare();
    }
    if (!stopped_) be_honest();
    stop();
    for (int i = 0; i < 3; ++i) {
      release_all();
      time_.pass(std::chrono::seconds(1));
    }
    require(pool_->empty(), "nothing is left of a pool that was stopped");
    require_all_ended();
  }

  void give(Question& question) {
    question.is_open = question.is_being_given = true;
    const auto refused = pool_->submit(question, time_.clock().now());
    question.is_being_given = false;
    // If the call itself says that the pool does not take the query, no event follows.
    if (refused) question.is_open = false;
  }

 private:
  std::unique_ptr<upstream::Pool> make_pool(std::size_t max_connections) {
    return std::make_unique<upstream::Pool>(
        upstream::PoolContext{.schedule = time_, .log = log_, .random = [this] { return input_.byte() / 256.0; }},
        upstream::ServerReport(log_, metrics_, "public", "192.0.2.1:853", true),
        upstream::ServerProfile(std::make_shared<upstream::EdnsSupport>()),
        upstream::PoolSettings{.max_connections = max_connections, .max_waiting = 40},
        [this](upstream::ConnectionEvents& events, upstream::ServerProfile& profile) {
          Peer peer;
          auto connection = std::make_unique<upstream::StreamConnection>(
              time_, [this] { return next_id(); }, upstream::Encoding{.keepalive = true}, limits_, profile, events,
              [&peer](upstream::StreamEvents& stream_events) {
                auto stream = std::make_unique<FakeStream>(stream_events);
                peer.stream = stream.get();
                return stream;
              });
          peer.connection = connection.get();
          peers_.push_back(std::move(peer));
          return connection;
        });
  }

  /// Few different ids, so that they collide.
  std::uint16_t next_id() { return static_cast<std::uint16_t>(++last_id_ % 61); }

  void one() {
    switch (input_.below(14)) {
      case 0:
      case 1:
      case 2:
        return submit();
      case 3:
        return abandon();
      case 4:
      case 5:
        if (auto* const peer = any_peer()) advance(*peer);
        return;
      case 6:
      case 7:
        return reply();
      case 8:
        return spoil();
      case 9:
        return end();
      case 10:
        return release_all();
      case 11:
        return time_.pass(milliseconds(input_.byte()));
      case 12:
        return time_.pass(milliseconds(40) * input_.byte());
      default:
        if (input_.byte() == 255) stop();
    }
  }

  void submit() {
    if (questions_.size() >= 200) return;
    auto& question = questions_.emplace_back(*this);
    const auto number = questions_.size();
    const Buffer name = {2, static_cast<std::uint8_t>('a' + number % 26), static_cast<std::uint8_t>('a' + number / 26),
                         0};
    dns::append_query(question.message, 0, dns::flag::rd, name, dns::type::a, dns::klass::in);
    question.retries = input_.below(3);
    give(question);
  }

  void abandon() {
    std::vector<Question*> open;
    for (auto& question : questions_) {
      if (question.is_open) open.push_back(&question);
    }
    if (open.empty()) return;
    auto& question = *open[input_.below(open.size())];
    question.is_open = false;
    question.holder->abandon(question);
    // Nothing may refer to the query from now on.
    Buffer().swap(question.message);
    question.holder = nullptr;
  }

  Peer* any_peer() { return peers_.empty() ? nullptr : &peers_[input_.below(peers_.size())]; }

  static void advance(Peer& peer) {
    // A call of the stream may open another connection, which may move the peer in memory.
    if (!peer.is_connected) {
      peer.is_connected = true;
      return peer.stream->connect();
    }
    if (std::exchange(peer.is_open, true)) return;
    peer.stream->become_open();
  }

  void reply() {
    auto* const peer = any_peer();
    if (peer == nullptr || peer->unanswered.empty()) return;
    const auto chosen = peer->unanswered.begin() + static_cast<std::ptrdiff_t>(input_.below(peer->unanswered.size()));
    const auto query = std::move(*chosen);
    peer->unanswered.erase(chosen);
    auto& stream = *peer->stream;
    auto answer = reply_to_written(query);
    switch (input_.below(8)) {
      case 0:
        dns::write_u16(answer, 2, static_cast<std::uint16_t>(dns::flag::qr | input_.below(6)));
        break;
      case 1: {  // edns-tcp-keepalive, at times zero
        dns::OptWriter opt(answer, 0, dns::Edns{});
        opt.add_keepalive(static_cast<std::uint16_t>(input_.byte()));
        break;
      }
      case 2:  // without the question
        answer.resize(dns::header_size);
        dns::write_u16(answer, 2, static_cast<std::uint16_t>(dns::flag::qr | input_.below(6)));
        dns::write_u16(answer, 4, 0);
        // The connection may end, or the query be skipped. In any case this is the server's only reply.
        break;
      default:
        break;
    }
    const auto bytes = FakeStream::framed(answer);
    const auto split = input_.below(4) == 0 ? input_.below(bytes.size()) : 0;
    stream.send_bytes(Bytes(bytes).first(split));
    stream.send_bytes(Bytes(bytes).subspan(split));
  }

  void spoil() {
    auto* const peer = any_peer();
    if (peer == nullptr || !peer->is_open) return;
    auto& stream = *peer->stream;
    if (input_.below(2) == 0 || peer->unanswered.empty()) {
      Buffer stray(17, 0);
      dns::write_u16(stray, 0, input_.byte());
      dns::write_u16(stray, 2, dns::flag::qr);
      dns::write_u16(stray, 4, 1);
      // A query of which only the id is given back gets no reply any more.
      const auto id = dns::read_u16(stray, 0);
      std::erase_if(peer->unanswered, [&](const Buffer& query) { return dns::read_u16(query, 0) == id; });
      for (auto times = 1 + input_.below(20); times > 0; --times) stream.send(stray);
    } else {
      auto reply = reply_to_written(peer->unanswered.back());
      peer->unanswered.pop_back();
      reply.resize(input_.below(2) == 0 ? reply.size() + 1 : input_.below(reply.size()));
      stream.send(reply);
    }
  }

  void end() {
    auto* const peer = any_peer();
    if (peer == nullptr) return;
    if (peer->is_open) return peer->stream->end(input_.below(2) == 0 ? std::nullopt : std::optional(Error::reset));
    constexpr std::array errors = {Error::connect_refused, Error::tls_failed, Error::certificate_name, Error::closed};
    peer->stream->end(errors[input_.below(errors.size())]);
  }

  void release_all() {
    for (std::size_t i = 0; i < peers_.size();) {
      if (!peers_[i].stream->is_over()) {
        ++i;
        continue;
      }
      auto* const stream = peers_[i].stream;
      require(!stream->was_misused, "nothing is written to a stream that was closed");
      peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i));
      stream->release();
    }
  }

  void stop() {
    stopped_ = true;
    pool_->stop();
    require_all_ended();
  }

  /// From now on the server accepts connections and handshakes, and answers.
  void be_honest() {
    for (int turn = 0; turn < 400; ++turn) {
      for (std::size_t i = 0; i < peers_.size(); ++i) {
        advance(peers_[i]);
        advance(peers_[i]);
        compare();
        auto& stream = *peers_[i].stream;
        for (const auto& query : std::exchange(peers_[i].unanswered, {})) stream.send(reply_to_written(query));
        compare();
      }
      release_all();
      if (std::ranges::none_of(questions_, &Question::is_open)) return;
      time_.pass(milliseconds(50));
    }
    require_all_ended();
  }

  void require_all_ended() const { require(std::ranges::none_of(questions_, &Question::is_open), "every query ends"); }

  void compare() {
    std::size_t opening = 0;
    std::size_t in_flight = 0;
    for (auto& peer : peers_) {
      for (auto& query : peer.stream->take_messages()) {
        const auto has_its_id = [&](const Buffer& other) { return dns::read_u16(other, 0) == dns::read_u16(query, 0); };
        require(std::ranges::none_of(peer.unanswered, has_its_id), "ids in flight are distinct");
        require(peer.is_open, "nothing is written before the handshake is done");
        peer.unanswered.push_back(std::move(query));
      }
      require(!peer.stream->was_misused, "nothing is written to a stream that was closed");
      require(peer.stream->is_over() == upstream::has_ended(peer.connection->state()), "closed with its stream");
      if (upstream::is_opening(peer.connection->state())) ++opening;
      in_flight += peer.connection->in_flight();
      require(peer.connection->in_flight() <= limits_.max_in_flight, "no more than the limit");
    }
    require(opening <= 2, "two handshakes at once");
    require(metrics_.in_flight.value() == static_cast<double>(in_flight), "the gauge of what is in flight");
    if (stopped_) require_all_ended();
  }

  Input input_;
  NoLines log_;
  testing::HandTurned time_;
  upstream::ServerMetrics metrics_;
  upstream::ConnectionLimits limits_;
  std::uint16_t last_id_ = 0;
  std::vector<Peer> peers_;
  std::deque<Question> questions_;
  bool stopped_ = false;
  std::unique_ptr<upstream::Pool> pool_;
};

void Question::replied(const upstream::Reply& /*reply*/) {
  require(std::exchange(is_open, false), "a query ends once");
  require(!is_being_given, "and not while it is submitted");
}

void Question::failed(Error /*error*/) {
  require(std::exchange(is_open, false), "a query ends once");
  require(!is_being_given, "and not while it is submitted");
  if (retries == 0) return;
  --retries;
  run_.give(*this);
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pillion::fuzz::Run(pillion::fuzz::Input({data, size})).all();
  return 0;
}
