#include "upstream/pipelined_connection.hpp"

#include <algorithm>
#include <utility>

#include "dns/framing.hpp"

namespace pillion::upstream {

void PipelinedConnection::submit(Query& query, runtime::Time now) {
  query.holder = this;
  pipeline_.add(query, now);
  send(query);
  // A deadline that is set for the idle timeout checks the queries in flight when it expires. One that is due in this
  // turn, for an older query, must not be moved back.
  const auto next = is_set() ? now + profile_.patience() : *look_at(now);
  if (!is_set() || at() > next) schedule_.set_deadline(*this, next);
}

void PipelinedConnection::encode(const Query& query, dns::Buffer& out) {
  const auto start = out.size() + (encoding_.framed ? dns::frame_prefix : 0);
  encode_query(query, query.id, encoding_, out);
  if (observer_ != nullptr) observer_->sent(dns::Bytes(out).subspan(start), now());
}

void PipelinedConnection::tell_received(dns::Bytes message, const Mux::Received& received) {
  if (observer_ == nullptr) return;
  const auto at = now();
  observer_->received(message, received.reply ? at - received.reply->latency : at, at);
}

void PipelinedConnection::note_heard() {
  if (state_ == ConnectionState::proving || state_ == ConnectionState::silent) state_ = ConnectionState::ready;
}

bool PipelinedConnection::look_at_silence(runtime::Time now) {
  react_to_silence(now);
  if (is_open(state_) && pipeline_.holds_id_too_long(now, limits_.id_lifetime)) begin_retiring();
  return is_open(state_);
}

void PipelinedConnection::react_to_silence(runtime::Time now) {
  const auto verdict = pipeline_.look(now, patience());
  const bool is_suspect = verdict == Liveness::Verdict::probe || verdict == Liveness::Verdict::silent;
  if (is_suspect && is_path_dead())
    return finish(Error::stalled, "the server's kernel does not acknowledge what was sent");
  switch (verdict) {
    case Liveness::Verdict::dead:
      if (is_server_slow() && pipeline_.extend_silence()) return fall_silent();
      profile_.known_question().unanswered(state_ == ConnectionState::proving);
      return finish(Error::stalled, "the server has replied neither to waiting queries nor to a probe");
    case Liveness::Verdict::probe:
      return send(pipeline_.start_probe(
          now, pipeline_.is_quiet(now, patience()) ? Pipeline::Purpose::silence : Pipeline::Purpose::oldest_query,
          profile_.known_question().query()));
    case Liveness::Verdict::silent:
      return fall_silent();
    case Liveness::Verdict::probe_ignored:
      if (state_ == ConnectionState::ready) profile_.known_question().unanswered(false);
      return begin_retiring();
    case Liveness::Verdict::wait:
      return;
  }
}

void PipelinedConnection::fall_silent() {
  if (!pipeline_.fall_silent()) return;
  if (takes_queries(state_)) state_ = ConnectionState::silent;
  if (state_ != ConnectionState::draining) events_.fell_silent(*this);
  pipeline_.delay_all();
}

/// True if the kernel reports what a probe would find out.
bool PipelinedConnection::is_path_dead() {
  const auto known = delivery();
  return known && !known->is_complete && known->retransmissions >= retransmissions_of_dead_path;
}

/// True if the path works (the server's kernel has acknowledged everything), and the server has answered here, and
/// nowhere else since. Another connection would only add to the server's load. A connection that is new or proving is
/// not given this benefit.
bool PipelinedConnection::is_server_slow() {
  if (state_ == ConnectionState::proving || pipeline_.answered() == 0) return false;
  if (profile_.last_heard() > pipeline_.last_heard()) return false;
  const auto known = delivery();
  return known && known->is_complete;
}

std::optional<runtime::Time> PipelinedConnection::look_at(runtime::Time now) const {
  return pipeline_.look_at(now, limits_.id_lifetime, patience());
}

/// A server in doubt is tested sooner than one that has only become slow.
runtime::Duration PipelinedConnection::patience() const {
  return state_ == ConnectionState::proving
             ? std::min<runtime::Duration>(profile_.patience(), Liveness::patience_of_doubt)
             : profile_.patience();
}

/// A silent connection takes no queries, so that it need not wait for its replacement.
void PipelinedConnection::begin_retiring() {
  const bool is_silent = state_ == ConnectionState::silent;
  if (state_ != ConnectionState::ready && !is_silent) return;
  state_ = is_silent ? ConnectionState::draining : ConnectionState::retiring;
  events_.needs_replacement(*this);
  if (is_silent) retire();
}

}  // namespace pillion::upstream
