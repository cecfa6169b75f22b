#include "probe/measurement.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "dns/name.hpp"
#include "probe/certificates.hpp"

namespace pillion::probe {
namespace asio = boost::asio;
namespace {

/// The most connections to one server, since a server may close after each answer.
constexpr unsigned most_openings = 200;
/// How often a question is sent, if each connection ends before the answer.
constexpr unsigned most_attempts = 3;

/// True if the question may be answered over another connection, as the proxy would ask it again.
bool may_be_asked_again(upstream::Error error) {
  return error == upstream::Error::closed || error == upstream::Error::reset;
}

Behaviour behaviour_of(const ReplyFacts& reply) {
  return {.rcode = reply.rcode,
          .is_authentic = reply.is_authentic,
          .is_truncated = reply.is_truncated,
          .size = reply.size,
          .records = reply.records};
}

}  // namespace

Measurement::Measurement(runtime::Loop& loop, const ProbeTarget& target, const ProbeNames& names,
                         const ProbeLimits& limits, upstream::TlsContext* tls, ShowStep show)
    : loop_(loop),
      target_(target),
      names_(names),
      limits_(limits),
      tls_(tls),
      show_(std::move(show)),
      access_(make_access()) {}

/// The access to the target, without a TLS session to resume.
upstream::ServerAccess Measurement::make_access() {
  upstream::ServerAccess access(target_.server, target_.protocol, target_.padding, tls_);
  // Over UDP, all measurements use one port.
  access.limits.queries_per_port = std::uint64_t{limits_.pipelined} + 10'000;
  access.limits.port_lifetime = limits_.budget;
  return access;
}

asio::awaitable<void> Measurement::measure() {
  figures_.measured_at = std::chrono::system_clock::now();
  until_ = loop_.clock().refresh() + limits_.budget;
  using Measure = asio::awaitable<void> (Measurement::*)();
  struct NamedStep {
    std::string_view name;
    Measure step;
    double part;  // part of the measurement that is done before this step, about
  };
  constexpr std::array steps{
      NamedStep{.name = "handshakes", .step = &Measurement::measure_full_handshakes, .part = 0},
      NamedStep{.name = "resumption", .step = &Measurement::measure_resumed_handshakes, .part = 0.1},
      NamedStep{.name = "latency", .step = &Measurement::measure_latency, .part = 0.2},
      NamedStep{.name = "in flight", .step = &Measurement::measure_in_flight, .part = 0.6},
      NamedStep{.name = "throughput", .step = &Measurement::measure_throughput, .part = 0.8},
      NamedStep{.name = "behaviour", .step = &Measurement::measure_behaviour, .part = 0.9},
  };
  for (const auto& each : steps) {
    show_(each.name, each.part);
    co_await (this->*each.step)();
    if (figures_.failure) break;
  }
  co_await leave();
  figures_.padding = block_of(padded_sizes_);
  show_("done", 1);
}

bool Measurement::has_time() {
  return loop_.clock().refresh() < until_;
}

runtime::Time Measurement::patience_end() {
  return std::min(loop_.clock().refresh() + limits_.patience, until_);
}

void Measurement::fail(const ProbeFailure& failure) {
  if (!figures_.failure) figures_.failure = failure;
}

/// Records what any reply may show.
void Measurement::note(const ReplyFacts& reply) {
  figures_.has_edns |= reply.has_edns;
  if (reply.is_padded && reply.size > 0) padded_sizes_.push_back(reply.size);
  if (reply.keepalive) figures_.keepalive = reply.keepalive;
  for (const auto code : reply.extended_errors) {
    if (std::ranges::find(figures_.extended_errors, code) == figures_.extended_errors.end())
      figures_.extended_errors.push_back(code);
  }
}

asio::awaitable<bool> Measurement::be_open() {
  if (connection_ && connection_->is_open()) co_return true;
  co_await leave();
  if (++openings_ > most_openings) {
    fail({.error = upstream::Error::closed, .detail = "the server closes one connection after the other"});
    co_return false;
  }
  connection_ = std::make_unique<OwnedConnection>(loop_, access_);
  const auto opened = co_await connection_->open();
  if (opened) co_return true;
  fail(opened.error());
  co_return false;
}

asio::awaitable<void> Measurement::leave() {
  if (!connection_) co_return;
  if (connection_->was_ended_by_server()) ++figures_.closes;
  co_await connection_->close();
  connection_.reset();
}

asio::awaitable<std::optional<ReplyFacts>> Measurement::ask(dns::Buffer name, std::uint16_t type, bool wants_dnssec) {
  AskedQuery query(name, type, wants_dnssec, [this] { connection_->notify(); });
  for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
    const bool is_open = co_await be_open();
    if (!is_open) co_return std::nullopt;
    connection_->submit(query);
    std::function<bool()> has_ended = [&query] { return !query.is_under_way(); };
    co_await connection_->wait_until(std::move(has_ended), patience_end());
    connection_->abandon(query);
    if (!query.error() || !may_be_asked_again(*query.error())) break;
  }
  if (query.reply()) {
    note(*query.reply());
  } else {
    no_answer_ = connection_->why_unanswered(query);
  }
  co_return query.reply();
}

dns::Buffer Measurement::random_name(dns::Bytes zone) {
  constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
  constexpr std::size_t label_size = 12;
  dns::Buffer name{label_size};
  for (auto number = loop_.random().u64(); name.size() <= label_size; number >>= 5U)
    name.push_back(static_cast<std::uint8_t>(digits[number & 31U]));
  dns::append(name, zone);
  return name;
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): they are members of this
asio::awaitable<void> Measurement::sample(bool is_cold, LatencyFigures& figures) {
  std::vector<runtime::Duration> latencies;
  for (unsigned i = 0; i < limits_.samples && has_time(); ++i) {
    auto name = is_cold ? random_name(target_.zone) : target_.zone;
    const auto reply = co_await ask(std::move(name), dns::type::a, false);
    if (figures_.failure) break;
    ++figures.asked;
    if (!reply) {
      ++figures.unanswered;
      if (!figures.error) figures.error = no_answer_.error;
      continue;
    }
    latencies.push_back(reply->latency);
    if (upstream::is_usable(reply->rcode)) continue;
    ++figures.refused;
    if (!figures.rcode) figures.rcode = reply->rcode;
  }
  figures.latency = percentiles_of(std::move(latencies));
}

asio::awaitable<void> Measurement::measure_latency() {
  // The server may have to look the name up first.
  const auto warmed_up = co_await ask(target_.zone, dns::type::a, false);
  if (figures_.failure) co_return;
  if (!warmed_up) {
    if (no_answer_.detail.empty()) no_answer_.detail = "the server did not answer the first query";
    fail(no_answer_);
    co_return;
  }
  co_await sample(false, figures_.hot);
  if (!figures_.failure) co_await sample(true, figures_.cold);
}

asio::awaitable<void> Measurement::measure_behaviour() {
  const auto signed_name = co_await ask(target_.zone, dns::type::soa, true);
  if (signed_name) figures_.signed_name = behaviour_of(*signed_name);
  if (figures_.failure || !has_time() || !target_.is_general) co_return;
  const auto bogus = co_await ask(names_.bogus, dns::type::a, true);
  if (bogus) figures_.bogus_name = behaviour_of(*bogus);
  if (figures_.failure || !has_time()) co_return;
  const auto invalid = dns::parse_name("invalid.").value();
  auto missing_name = random_name(invalid);
  const auto missing = co_await ask(std::move(missing_name), dns::type::a, false);
  if (missing) figures_.missing_name = behaviour_of(*missing);
  if (figures_.failure || !has_time()) co_return;
  if (target_.protocol == config::Protocol::udp) {
    co_await leave();
    access_.encoding.udp_payload = dns::min_udp_payload;  // bytes; the answer then does not fit
  }
  const auto large = co_await ask(names_.large, names_.large_type, true);
  if (large) figures_.large_answer = behaviour_of(*large);
  if (large && large->is_truncated && target_.protocol == config::Protocol::udp) co_await ask_large_over_tcp();
}

asio::awaitable<void> Measurement::ask_large_over_tcp() {
  co_await leave();
  access_ = upstream::ServerAccess(target_.server, config::Protocol::tcp, 0, nullptr);
  const auto large = co_await ask(names_.large, names_.large_type, true);
  if (large) figures_.large_over_tcp = behaviour_of(*large);
}

asio::awaitable<void> Measurement::measure_idle() {
  if (figures_.failure || limits_.idle.count() == 0 || target_.protocol == config::Protocol::udp) co_return;
  access_ = make_access();
  // With the option, Pillion would have to close the connection before the server's stated timeout.
  access_.encoding.keepalive = false;
  until_ = loop_.clock().refresh() + limits_.idle + limits_.patience;
  const auto reply = co_await ask(target_.zone, dns::type::a, false);
  if (reply) {
    const auto since = connection_->last_heard();
    std::function<bool()> has_ended = [this] { return connection_->ended_at().has_value(); };
    co_await connection_->wait_until(std::move(has_ended), since + limits_.idle);
    IdleFigures idle{.closed_after = std::nullopt, .waited = loop_.clock().refresh() - since};
    if (const auto end = connection_->ended_at(); end && connection_->was_ended_by_server())
      idle.closed_after = *end - since;
    figures_.idle = idle;
  }
  const auto closes = figures_.closes;
  co_await leave();
  figures_.closes = closes;
}

}  // namespace pillion::probe
