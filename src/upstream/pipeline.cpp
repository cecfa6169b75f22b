#include "upstream/pipeline.hpp"

#include <utility>

namespace pillion::upstream {

std::expected<Pipeline::Receipt, Error> Pipeline::receive(dns::Bytes message, runtime::Time now, bool is_cut) {
  auto received = mux_.receive(message, now, is_cut);
  if (!received) return std::unexpected(received.error());
  const bool is_of_probe = received->query == &probe_;
  if (is_of_probe) {
    liveness_.heard_of_probe(now);
    probe_.is_under_way = false;
  } else {
    liveness_.heard(now);
    ++answered_;
  }
  // Anything that is received shows as much as the probe's answer would.
  asked_about_server_.reset();
  is_silent_ = false;
  const auto lying_until = std::exchange(lying_until_, std::nullopt);
  const bool was_left_lying =
      !is_of_probe && lying_until && received->reply && now - received->reply->latency <= *lying_until;
  return Receipt{.message = std::move(*received), .is_of_probe = is_of_probe, .was_left_lying = was_left_lying};
}

/// When the oldest query that somebody waits for was sent.
std::optional<runtime::Time> Pipeline::oldest() const {
  const auto oldest = mux_.oldest_waited_for(&probe_);
  return oldest ? oldest : asked_about_server_;
}

Liveness::Verdict Pipeline::look(runtime::Time now, runtime::Duration patience) const {
  return liveness_.look(now, oldest(), probe_.is_under_way, patience);
}

bool Pipeline::holds_id_too_long(runtime::Time now, runtime::Duration id_lifetime) const {
  const auto unanswered = mux_.oldest_unanswered();
  return unanswered && now - *unanswered >= (is_clogged() ? lifetime_when_clogged : id_lifetime);
}

std::optional<runtime::Time> Pipeline::look_at(runtime::Time now, runtime::Duration id_lifetime,
                                               runtime::Duration patience) const {
  if (const auto since = oldest()) return liveness_.look_at(now, *since, probe_.is_under_way, patience);
  const auto unanswered = mux_.oldest_unanswered();
  if (!unanswered) return std::nullopt;
  if (holds_id_too_long(now, id_lifetime)) return now + id_lifetime;
  return *unanswered + (is_clogged() ? lifetime_when_clogged : id_lifetime);
}

/// When the last of the queries was sent that the server may have left unread until more data comes; nullopt if such a
/// server cannot be told from a slow one.
std::optional<runtime::Time> Pipeline::may_be_lying_until(Purpose purpose) const {
  if (purpose == Purpose::server) return std::nullopt;
  const auto oldest = mux_.oldest_waited_for(&probe_);
  const auto newest = mux_.newest_unanswered();
  if (!oldest || !newest) return std::nullopt;
  // The server has answered a query of the last record. A busy server would not have come to that one yet.
  if (liveness_.last_heard() > *newest) return newest;
  // Such a server answers one earlier query for each that comes: the oldest is next. A busy server that is silent also
  // continues with the oldest.
  return purpose == Purpose::oldest_query ? oldest : std::nullopt;
}

Query& Pipeline::start_probe(runtime::Time now, Purpose purpose, dns::Bytes known) {
  lying_until_ = may_be_lying_until(purpose);
  if (purpose == Purpose::server) asked_about_server_ = now;
  liveness_.probed(now);
  probe_.ask(known);
  mux_.add(probe_, now);
  is_silent_ = false;
  return probe_;
}

Query* Pipeline::prove(runtime::Time now, dns::Bytes known) {
  if (!probe_.is_under_way) return &start_probe(now, Purpose::server, known);
  asked_about_server_ = now;
  liveness_.probed(now);
  is_silent_ = false;
  return nullptr;
}

bool Pipeline::fall_silent() {
  if (std::exchange(is_silent_, true)) return false;
  if (!asked_about_server_) asked_about_server_ = oldest();
  return true;
}

std::vector<Query*> Pipeline::close() {
  auto lost = mux_.close();
  std::erase(lost, &probe_);
  probe_.is_under_way = false;
  return lost;
}

}  // namespace pillion::upstream
