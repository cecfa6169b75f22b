// A server that is asked over UDP, and over TCP if a datagram is not enough: any sequence of queries, abandonments,
// good, truncated, forged and lost datagrams, failing sockets, ending streams, and times. The input is a list of
// events, one byte each and their arguments; missing bytes at the end count as zero. Afterwards the server answers
// correctly, and every query must end.

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "dns/response.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/input.hpp"
#include "support/hand_turned.hpp"
#include "upstream/datagram_channel.hpp"
#include "upstream/datagram_connection.hpp"
#include "upstream/fake_datagrams.hpp"
#include "upstream/fake_stream.hpp"
#include "upstream/pool.hpp"
#include "upstream/stream_connection.hpp"

namespace pillion::fuzz {
namespace {

using dns::Buffer;
using std::chrono::milliseconds;
using upstream::Error;
using upstream::testing::FakeDatagrams;
using upstream::testing::FakeStream;
using upstream::testing::reply_to_written;

class NoLines final : public runtime::Log {
 public:
  NoLines() : Log(runtime::LogLevel::error) {}

 private:
  void write(runtime::LogLevel, std::string_view, std::span<const runtime::Field>) override {}
};

class Question final : public upstream::Query {
 public:
  void replied(const upstream::Reply& /*reply*/) override { end(); }
  void failed(Error /*error*/) override { end(); }

  bool is_open = false;
  bool is_being_given = false;

 private:
  void end() {
    require(std::exchange(is_open, false), "a query ends once");
    require(!is_being_given, "and not while it is submitted");
  }
};

/// The server's side of a socket or a stream.
struct Peer {
  FakeDatagrams* datagrams = nullptr;
  FakeStream* stream = nullptr;
  unsigned steps = 0;  // steps until it is open
  std::vector<Buffer> unanswered;

  [[nodiscard]] bool is_over() const { return datagrams != nullptr ? datagrams->is_closed : stream->is_over(); }
  [[nodiscard]] bool was_misused() const { return datagrams != nullptr ? datagrams->was_misused : stream->was_misused; }
  [[nodiscard]] bool is_open() const { return steps >= (datagrams != nullptr ? 1U : 2U); }
  std::vector<Buffer> take() { return datagrams != nullptr ? datagrams->take_sent() : stream->take_messages(); }
};

class Run {
 public:
  explicit Run(Input input) : input_(input), limits_({.max_in_flight = 1 + input_.below(6), .queries_per_port = 4}) {
    auto udp = make_pool(true);
    auto tcp = make_pool(false);
    channel_ = std::make_unique<upstream::DatagramChannel>(time_, memory_, std::move(udp), std::move(tcp));
    channel_->start();
  }

  void all() {
    while (!input_.is_over()) {
      one();
      compare();
    }
    be_honest();
    channel_->stop();
    for (int i = 0; i < 3; ++i) {
      release_all();
      time_.pass(std::chrono::seconds(1));
    }
    require(channel_->empty(), "nothing is left of a channel that was stopped");
  }

 private:
  std::unique_ptr<upstream::Channel> make_pool(bool is_udp) {
    const auto make = [this, is_udp](upstream::ConnectionEvents& events,
                                     upstream::ServerProfile& profile) -> std::unique_ptr<upstream::Connection> {
      auto& peer = peers_.emplace_back();
      const auto next_id = [this] { return next(); };
      if (is_udp) {
        return std::make_unique<upstream::DatagramConnection>(time_, next_id, upstream::Encoding{.framed = false},
                                                              limits_, profile, events,
                                                              [&peer](upstream::DatagramEvents& to) {
                                                                auto made = std::make_unique<FakeDatagrams>(to);
                                                                peer.datagrams = made.get();
                                                                return made;
                                                              });
      }
      return std::make_unique<upstream::StreamConnection>(time_, next_id, upstream::Encoding{}, limits_, profile,
                                                          events, [&peer](upstream::StreamEvents& to) {
                                                            auto made = std::make_unique<FakeStream>(to);
                                                            peer.stream = made.get();
                                                            return made;
                                                          });
    };
    return std::make_unique<upstream::Pool>(
        upstream::PoolContext{.schedule = time_, .log = log_, .random = [this] { return input_.byte() / 256.0; }},
        upstream::ServerReport(log_, metrics_[is_udp ? 0 : 1], "cluster", "192.0.2.53:53", is_udp),
        upstream::ServerProfile(edns_),
        upstream::PoolSettings{.protocol = config::Protocol::udp, .max_connections = 2, .max_waiting = 40}, make);
  }

  /// Few different ids, so that they collide.
  std::uint16_t next() { return static_cast<std::uint16_t>(++last_id_ % 61); }

  void one() {
    switch (input_.below(12)) {
      case 0:
      case 1:
      case 2:
        return submit();
      case 3:
        return abandon();
      case 4:
        if (auto* const peer = any_peer()) advance(*peer);
        return;
      case 5:
      case 6:
        return reply();
      case 7:
        return forge();
      case 8:
        return end();
      case 9:
        return release_all();
      case 10:
        return time_.pass(milliseconds(input_.byte()));
      default:
        return time_.pass(milliseconds(40) * input_.byte());
    }
  }

  void submit() {
    if (questions_.size() >= 100) return;
    auto& question = questions_.emplace_back();
    const auto number = questions_.size();
    const Buffer name = {2, static_cast<std::uint8_t>('a' + number % 26), static_cast<std::uint8_t>('a' + number / 26),
                         0};
    dns::append_query(question.message, 0, dns::flag::rd, name, dns::type::a, dns::klass::in);
    question.is_open = question.is_being_given = true;
    const auto refused = channel_->submit(question, time_.clock().now());
    question.is_being_given = false;
    if (refused) question.is_open = false;
  }

  void abandon() {
    const auto found = std::ranges::find_if(questions_, &Question::is_open);
    if (found == questions_.end()) return;
    found->is_open = false;
    found->holder->abandon(*found);
    // Nothing may refer to the query from now on.
    Buffer().swap(found->message);
    found->holder = nullptr;
  }

  Peer* any_peer() { return peers_.empty() ? nullptr : &peers_[input_.below(peers_.size())]; }

  static void advance(Peer& peer) {
    if (peer.is_open()) return;
    ++peer.steps;
    if (peer.datagrams != nullptr) return peer.datagrams->become_open();
    peer.steps == 1 ? peer.stream->connect() : peer.stream->become_open();
  }

  static void send(Peer& peer, const Buffer& message, bool is_cut) {
    if (peer.datagrams != nullptr) return peer.datagrams->send(message, is_cut);
    peer.stream->send(message);
  }

  void reply() {
    auto* const peer = any_peer();
    if (peer == nullptr || peer->unanswered.empty()) return;
    const auto chosen = peer->unanswered.begin() + static_cast<std::ptrdiff_t>(input_.below(peer->unanswered.size()));
    const auto query = std::move(*chosen);
    peer->unanswered.erase(chosen);
    const auto manner = input_.below(8);
    if (manner == 0 && peer->datagrams != nullptr) return peer->datagrams->refuse(dns::read_u16(query, 0));
    auto answer = reply_to_written(query, static_cast<std::uint16_t>(manner == 1 ? input_.below(6) : 0));
    if (manner == 2) dns::write_u16(answer, 2, static_cast<std::uint16_t>(dns::read_u16(answer, 2) | dns::flag::tc));
    if (manner == 3) answer.resize(input_.below(answer.size()));
    send(*peer, answer, input_.below(8) == 1);
  }

  /// Datagrams with guessed ids, or guessed questions.
  void forge() {
    auto* const peer = any_peer();
    if (peer == nullptr || !peer->is_open() || peer->datagrams == nullptr) return;
    Buffer stray(17, 0);
    dns::write_u16(stray, 0, static_cast<std::uint16_t>(input_.below(61)));
    dns::write_u16(stray, 2, dns::flag::qr);
    dns::write_u16(stray, 4, 1);
    // Ids that are given back for it may be used again.
    peer->unanswered.clear();
    for (auto times = 1 + input_.below(20); times > 0; --times) send(*peer, stray, false);
  }

  void end() {
    auto* const peer = any_peer();
    if (peer == nullptr) return;
    if (peer->datagrams != nullptr) return peer->datagrams->fail(Error::connect_refused);
    peer->stream->end(input_.below(2) == 0 && peer->is_open() ? std::nullopt : std::optional(Error::reset));
  }

  void release_all() {
    for (std::size_t i = 0; i < peers_.size();) {
      if (!peers_[i].is_over()) {
        ++i;
        continue;
      }
      const auto peer = std::move(peers_[i]);
      peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i));
      require(!peer.was_misused(), "nothing is written to what was closed");
      peer.datagrams != nullptr ? peer.datagrams->release() : peer.stream->release();
    }
  }

  void be_honest() {
    // Longer than a lost query may keep its id.
    for (int turn = 0; turn < 400; ++turn) {
      for (std::size_t i = 0; i < peers_.size(); ++i) {
        advance(peers_[i]);
        advance(peers_[i]);
        compare();
        for (const auto& query : std::exchange(peers_[i].unanswered, {}))
          send(peers_[i], reply_to_written(query), false);
        compare();
      }
      release_all();
      if (std::ranges::none_of(questions_, &Question::is_open)) return;
      time_.pass(milliseconds(100));
    }
    require(false, "every query ends");
  }

  void compare() {
    for (auto& peer : peers_) {
      for (auto& query : peer.take()) {
        // An unanswered probe is sent again unchanged.
        std::erase(peer.unanswered, query);
        const auto has_its_id = [&](const Buffer& other) { return dns::read_u16(other, 0) == dns::read_u16(query, 0); };
        require(std::ranges::none_of(peer.unanswered, has_its_id), "ids in flight are distinct");
        require(peer.is_open(), "nothing is written before it is open");
        peer.unanswered.push_back(std::move(query));
      }
      require(!peer.was_misused(), "nothing is written to what was closed");
    }
  }

  Input input_;
  NoLines log_;
  testing::HandTurned time_;
  runtime::MemoryShare memory_;
  std::array<upstream::ServerMetrics, 2> metrics_;
  std::shared_ptr<upstream::EdnsSupport> edns_ = std::make_shared<upstream::EdnsSupport>();
  upstream::ConnectionLimits limits_;
  std::uint16_t last_id_ = 0;
  std::deque<Peer> peers_;  // the elements keep their addresses while others are added
  std::deque<Question> questions_;
  std::unique_ptr<upstream::Channel> channel_;
};

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pillion::fuzz::Run(pillion::fuzz::Input({data, size})).all();
  return 0;
}
