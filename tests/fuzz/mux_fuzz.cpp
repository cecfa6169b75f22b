// The multiplexer beside a simple model: any sequence of queries, of good, late, corrupted and invented replies, of
// abandonments and closes. The input is a list of events, one byte each and their arguments; missing bytes at the end
// count as zero.

#include <algorithm>
#include <deque>
#include <expected>
#include <vector>

#include "dns/reply.hpp"
#include "dns/response.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/input.hpp"
#include "upstream/mux.hpp"

namespace pillion::fuzz {
namespace {

using dns::Buffer;
using dns::Bytes;
using std::chrono::milliseconds;
using upstream::Error;
using upstream::Mux;

class FuzzQuery final : public upstream::Query {
 public:
  void replied(const upstream::Reply&) override {}
  void failed(Error) override {}
};

/// The model's state of one query in flight.
struct Entry {
  std::uint16_t id = 0;
  FuzzQuery* query = nullptr;  // nullptr: abandoned
  Buffer question;
  runtime::Time sent;
  unsigned near_misses = 0;
};

std::uint8_t lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20U) : byte;
}

/// True if type and class are equal, and the names except for case. Lengths of labels are below 'A', so that they are
/// compared exactly.
bool repeats(Bytes message, const Buffer& question) {
  if (message.size() < dns::header_size + question.size()) return false;
  for (std::size_t i = 0; i < question.size(); ++i) {
    const auto theirs = message[dns::header_size + i];
    const bool is_name = i + 4 < question.size();
    if (is_name ? lower(theirs) != lower(question[i]) : theirs != question[i]) return false;
  }
  return true;
}

class Run {
 public:
  Run(Mux::Path path, Input input)
      : path_(path),
        input_(input),
        limit_(std::size_t{1} + input_.byte()),
        mux_(path, limit_, [this] { return next_id(); }) {}

  void all() {
    while (!input_.is_over()) {
      one();
      compare();
    }
    close();
    compare();
  }

 private:
  /// Few different ids, so that they collide; later any id, so that drawing ends.
  std::uint16_t next_id() {
    if (draws_++ < 4) return static_cast<std::uint16_t>(input_.byte() * 0x0101U);
    return ++last_id_;
  }

  void one() {
    switch (input_.below(8)) {
      case 0:
      case 1:
        return add();
      case 2:
        return good_reply();
      case 3:
        return spoilt_reply();
      case 4:
        return receive(input_.take(input_.byte()));
      case 5:
        return abandon();
      case 6:
        now_ += milliseconds(input_.byte());
        return;
      default:
        if (input_.below(4) == 0) close();
    }
  }

  void add() {
    if (!mux_.has_room()) return;
    auto& query = queries_.emplace_back();
    Buffer name = {static_cast<std::uint8_t>(1 + input_.below(3))};
    for (std::size_t left = name[0]; left > 0; --left) name.push_back(input_.below(2) == 0 ? 'a' : 'A');
    name.push_back(0);
    dns::append_query(query.message, 0, dns::flag::rd, name, static_cast<std::uint16_t>(1 + input_.below(2)),
                      dns::klass::in);
    draws_ = 0;
    const auto id = mux_.add(query, now_);
    require(query.id == id, "the query knows its id");
    require(std::ranges::find(entries_, id, &Entry::id) == entries_.end(), "the id was free");
    entries_.push_back({id, &query, Buffer(query.message.begin() + dns::header_size, query.message.end()), now_});
  }

  [[nodiscard]] Buffer reply_to(const Entry& entry) const {
    Buffer reply;
    for (const std::uint16_t field : {entry.id, static_cast<std::uint16_t>(dns::flag::qr | dns::flag::ra),
                                      std::uint16_t{1}, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}}) {
      dns::append_u16(reply, field);
    }
    dns::append(reply, entry.question);
    return reply;
  }

  void good_reply() {
    if (entries_.empty()) return;
    const auto& entry = entries_[input_.below(entries_.size())];
    const bool waited_for = entry.query != nullptr;
    const auto reply = reply_to(entry);
    const auto received = mux_.receive(reply, now_);
    require(received && received->reply && received->reply->message, "a good reply is taken");
    require((received->query != nullptr) == waited_for, "for whom it is, if anybody waits");
    take(entry.id, *received);
  }

  void spoilt_reply() {
    if (entries_.empty()) return;
    auto reply = reply_to(entries_[input_.below(entries_.size())]);
    for (auto changes = 1 + input_.below(3); changes > 0; --changes) reply[input_.below(reply.size())] = input_.byte();
    if (input_.below(4) == 0) reply.push_back(0);
    if (input_.below(4) == 0) reply.resize(input_.below(reply.size()));
    receive(reply);
  }

  /// Receives any message. The model gives the expected result.
  void receive(Bytes message) {
    // A copy of the exact size, so that the sanitizer sees every read beyond it.
    const Buffer exact(message.begin(), message.end());
    const auto received = mux_.receive(exact, now_);
    if (exact.size() < dns::header_size)
      return require(!received && received.error() == Error::malformed_reply, "no header");
    const auto entry = std::ranges::find(entries_, dns::read_u16(exact, 0), &Entry::id);
    const auto flags = dns::read_u16(exact, 2);
    const auto rcode = flags & 0xfU;
    const auto questions = dns::read_u16(exact, 4);
    const bool is_response = (flags & dns::flag::qr) != 0;
    if (entry == entries_.end()) return receive_strange(exact, received);
    const bool is_stream = path_ == Mux::Path::stream;
    // Over datagrams, an error without the question only counts if it is about EDNS.
    const bool is_of_edns = entry->query != nullptr && (rcode == dns::rcode::formerr || rcode == dns::rcode::notimp);
    const bool bare_error = is_response && questions == 0 && rcode != dns::rcode::noerror &&
                            rcode != dns::rcode::nxdomain && (is_stream || is_of_edns);
    if (!bare_error && !(is_response && questions == 1 && repeats(exact, entry->question))) {
      const bool is_passed_over =
          !is_stream && (entry->query == nullptr || ++entry->near_misses <= Mux::near_misses_passed_over);
      if (is_passed_over)
        return require(!received && received.error() == Error::mismatched_reply, "a near miss is passed over");
      require(received && !received->reply && received->reply.error() == Error::mismatched_reply, "one too many");
      return take(entry->id, *received);
    }
    require(received.has_value(), "it answers what was asked");
    const bool is_truncated = !is_stream && !bare_error && (flags & dns::flag::tc) != 0;
    const auto view = dns::MessageView::parse(exact);
    const bool is_query = (flags >> 11U & 0xfU) == dns::opcode::query;
    if (bare_error && is_query) {
      require(received->reply && !received->reply->message && received->reply->rcode == rcode,
              "an error without a question");
    } else if (is_truncated) {
      require(received->reply && received->reply->is_truncated && received->reply->rcode == rcode, "truncated");
    } else if (!bare_error && view && dns::is_sound_reply(*view, entry->query != nullptr && entry->query->opaque)) {
      require(received->reply && received->reply->message && received->reply->rcode == rcode, "a whole message");
    } else {
      require(!received->reply && received->reply.error() == Error::malformed_reply, "the rest is malformed");
    }
    take(entry->id, *received);
  }

  /// A reply with an unused id. Over a stream it counts for the query with its question; or, if it has no readable
  /// question, for the only waiting query.
  void receive_strange(Bytes message, const std::expected<Mux::Received, Error>& received) {
    const auto waits = [](const Entry& entry) { return entry.query != nullptr; };
    auto meant = std::ranges::find_if(
        entries_, [&](const Entry& entry) { return waits(entry) && repeats(message, entry.question); });
    if (meant == entries_.end() && !dns::MessageView::parse(message) && std::ranges::count_if(entries_, waits) == 1)
      meant = std::ranges::find_if(entries_, waits);
    if (path_ != Mux::Path::stream || meant == entries_.end())
      return require(!received && received.error() == Error::mismatched_reply, "it answers nothing that was asked");
    require(received && !received->reply && received->reply.error() == Error::mismatched_reply, "it is no answer");
    require(received->query == meant->query, "whom it was meant for");
    entries_.erase(meant);
  }

  void take(std::uint16_t id, const Mux::Received& received) {
    const auto entry = std::ranges::find(entries_, id, &Entry::id);
    require(received.query == entry->query, "the query that was asked");
    if (received.reply) require(received.reply->latency == now_ - entry->sent, "since it was sent");
    entries_.erase(entry);
    ++answered_;
  }

  void abandon() {
    std::vector<Entry*> live;
    for (auto& entry : entries_) {
      if (entry.query != nullptr) live.push_back(&entry);
    }
    if (live.empty()) return;
    auto& entry = *live[input_.below(live.size())];
    mux_.abandon(*entry.query);
    // Nothing may refer to the query from now on.
    Buffer().swap(entry.query->message);
    entry.query = nullptr;
  }

  void close() {
    std::vector<upstream::Query*> expected;
    for (const auto& entry : entries_) {
      if (entry.query != nullptr) expected.push_back(entry.query);
    }
    require(mux_.close() == expected, "who was waited for, in the order of sending");
    entries_.clear();
  }

  void compare() const {
    const auto waited_for = std::ranges::count_if(entries_, [](const Entry& entry) { return entry.query != nullptr; });
    require(mux_.in_flight() == entries_.size(), "in_flight()");
    require(mux_.waited_for() == static_cast<std::size_t>(waited_for), "waited_for()");
    require(mux_.has_room() == (entries_.size() < limit_), "has_room()");
    require(mux_.answered() == answered_, "answered()");
    require(mux_.oldest_unanswered() == (entries_.empty() ? std::nullopt : std::optional(entries_.front().sent)),
            "oldest_unanswered()");
  }

  Mux::Path path_;
  Input input_;
  std::size_t limit_;
  unsigned draws_ = 0;
  std::uint16_t last_id_ = 0;
  Mux mux_;
  std::deque<FuzzQuery> queries_;
  std::vector<Entry> entries_;  // in the order of sending
  runtime::Time now_;
  std::uint64_t answered_ = 0;
};

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto path : {pillion::upstream::Mux::Path::stream, pillion::upstream::Mux::Path::datagrams})
    pillion::fuzz::Run(path, pillion::fuzz::Input({data, size})).all();
  return 0;
}
