#include "scenarios/servers.hpp"

#include <algorithm>
#include <utility>

#include "dns/framing.hpp"
#include "scenarios/load.hpp"
#include "scenarios/world.hpp"

namespace pillion::scenarios {

using Failure = upstream::Error;

void Happenings::add(std::function<void()> happening, runtime::Duration after) {
  later_.emplace(schedule_.clock().now() + after, std::move(happening));
  schedule_.set_deadline(*this, later_.begin()->first);
}

void Happenings::expired(runtime::Time now) {
  if (std::exchange(last_, now) != now) at_once_ = 0;
  // Events that are added meanwhile come later, also if they have the same time.
  std::vector<std::function<void()>> due;
  while (!later_.empty() && later_.begin()->first <= now) {
    due.push_back(std::move(later_.begin()->second));
    later_.erase(later_.begin());
  }
  for (const auto& happening : due) {
    if (++at_once_ > most_at_once) throw std::runtime_error("so much happens at one moment that it never ends");
    happening();
  }
  if (!later_.empty()) schedule_.set_deadline(*this, later_.begin()->first);
}

Way::Way(StageServer& server) : number(++server.ways_made_), server_(server) {
  server_.ways_[number] = this;
}

Way::~Way() {
  server_.ways_.erase(number);
}

void Way::later(std::function<void()> happening) {
  server_.happenings_.add([&server = server_, number = number, happening = std::move(happening)] {
    if (server.find(number) != nullptr) happening();
  });
}

bool Way::is_deaf() const {
  return is_silent || server_.is_silent;
}

void StageStream::open() {
  later([this] {
    if (is_over_ || is_deaf()) return;
    if (server_.is_gone || server_.reception == Reception::refuse)
      return events_.ended(Failure::connect_refused, "refused");
    ++server_.connections;
    events_.connected();
    later([this] { shake_hands(); });
  });
}

void StageStream::shake_hands() {
  if (is_over_ || is_deaf() || server_.is_frozen) return;
  switch (server_.reception) {
    case Reception::leave_unanswered:
      return;
    case Reception::close_before_tls:
      return events_.ended(Failure::tls_failed, "closed");
    case Reception::reset_before_tls:
      return events_.ended(Failure::reset, "reset");
    case Reception::show_bad_certificate:
      return events_.ended(server_.bad_certificate, "the certificate");
    default:
      break;
  }
  is_open = true;
  const bool encrypted = server_.protocol == config::Protocol::tls;
  if (encrypted) {
    events_.opened({.encrypted = true,
                    .not_after = {},
                    .version = "TLSv1.3",
                    .group = "x25519",
                    .cipher = "TLS_AES_256_GCM_SHA384",
                    .verified_name = server_.name + ".example"});
  } else {
    events_.opened({.not_after = {}, .version = {}});
  }
  if (server_.reception == Reception::close) later([this] { end(std::nullopt); });
  if (server_.reception == Reception::reset) later([this] { end(Failure::reset); });
}

void StageStream::flush_soon() {
  if (std::exchange(will_flush_, true)) return;
  later([this] { flush(); });
}

void StageStream::flush() {
  will_flush_ = false;
  const auto sent = std::exchange(out_, {});
  if (!is_open || is_deaf()) return;
  dns::append(at_server_, sent);
  if (server_.is_frozen) return;
  std::size_t records = 1;
  if (singly_) {
    records = 0;
    for (dns::Frames frames(sent); frames.next();) ++records;
  }
  dns::Frames frames(at_server_);
  std::vector<dns::Buffer> messages;
  while (!server_.reads_one_from_a_record || messages.size() < records) {
    const auto message = frames.next();
    if (!message) break;
    messages.emplace_back(message->begin(), message->end());
  }
  at_server_.assign(frames.rest().begin(), frames.rest().end());
  for (const auto& message : messages) {
    if (is_open) server_.arrived(*this, message);
  }
}

void StageStream::deliver(dns::Buffer message, bool /*is_cut*/) {
  if (!is_open || is_over_ || is_deaf()) return;
  const auto start = dns::begin_frame(in_);
  dns::append(in_, message);
  dns::end_frame(in_, start);
  const auto used = events_.arrived(in_);
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(std::min(used, in_.size())));
  if (server_.answers_per_connection != 0 && ++answers == server_.answers_per_connection) end(std::nullopt);
}

void StageStream::end(std::optional<Failure> error) {
  if (!std::exchange(is_open, false) || is_over_ || is_deaf()) return;
  events_.ended(error, error ? "reset" : "closed");
}

std::optional<upstream::Delivery> StageStream::delivery() {
  return upstream::Delivery{.is_complete = !is_deaf(), .retransmissions = is_deaf() ? server_.retransmissions : 0};
}

void StageStream::shut_down() {
  is_over_ = true;
  // The bytes that are still to be written are sent first.
  if (will_flush_) flush();
  is_open = false;
  if (!is_deaf()) later([this] { release(); });
}

void StageStream::close() {
  is_over_ = true;
  is_open = false;
  later([this] { release(); });
}

void StageStream::release() {
  if (!std::exchange(is_released_, true)) events_.released();
}

void StageDatagrams::open() {
  later([this] {
    if (is_over_) return;
    is_open = true;
    events_.opened();
  });
}

void StageDatagrams::end_message() {
  ends_.push_back(out_.size());
  if (std::exchange(will_flush_, true)) return;
  later([this] { flush(); });
}

void StageDatagrams::flush() {
  will_flush_ = false;
  const auto sent = std::exchange(out_, {});
  std::size_t start = 0;
  for (const auto end : std::exchange(ends_, {})) {
    const auto datagram = dns::Bytes(sent).subspan(start, end - start);
    start = end;
    if (is_over_) return;
    if (datagram.size() > server_.largest_datagram) {
      events_.too_large(dns::read_u16(datagram, 0));
    } else if (is_deaf()) {
      continue;
    } else if (server_.is_gone) {
      later([this] {
        if (!is_over_) events_.failed(Failure::connect_refused, "nobody listens there");
      });
    } else {
      if (!std::exchange(is_used, true)) ++server_.ports;
      server_.arrived(*this, datagram);
    }
  }
}

void StageDatagrams::deliver(dns::Buffer message, bool is_cut) {
  if (is_open && !is_over_ && !is_deaf()) events_.arrived(message, is_cut);
}

void StageDatagrams::close() {
  is_over_ = true;
  is_open = false;
  later([this] { events_.released(); });
}

Way* StageServer::find(std::size_t number) const {
  const auto found = ways_.find(number);
  return found == ways_.end() ? nullptr : found->second;
}

std::vector<Way*> StageServer::open_ways(bool streams) const {
  std::vector<Way*> open;
  for (const auto& [number, way] : ways_) {
    if (way->is_open && way->is_stream() == streams) open.push_back(way);
  }
  return open;
}

void StageServer::thaw() {
  is_frozen = false;
  for (auto* const way : open_ways(true)) static_cast<StageStream*>(way)->flush();
}

void StageServer::end_all(std::optional<Failure> error) {
  for (auto* const way : open_ways(true)) {
    if (find(way->number) != nullptr) static_cast<StageStream*>(way)->end(error);
  }
}

void StageServer::arrived(Way& way, dns::Bytes message) {
  const auto query = dns::parse_query(message, {});
  if (!query) throw std::runtime_error(name + " is sent what is no query: " + std::string(to_string(query.error())));
  Asked asked{.text = {}, .question = question_of(*query), .id = query->message.header().id(), .way = way.number};
  asked.text = to_text(asked.question);
  const bool is_probe = asked.text == ". NS";
  if (!query->edns.present && !asked.question.is_signed) asked.text += " without EDNS";
  if (protocol == config::Protocol::udp && way.is_stream()) asked.text += " over TCP";
  if (is_probe) {
    ++probes;
    if (!answers_probes) return;
    return answer(asked, {}, {}, {});
  }
  // Pillion finds out whether it asks itself.
  if (hide_probe(asked.text) != asked.text) return answer(asked, {.rcode = dns::rcode::nxdomain}, {}, {});
  ++times_asked[asked.text];
  if (closes_on(asked.question)) {
    if (way.is_stream()) static_cast<StageStream&>(way).end(std::nullopt);
    return;
  }
  asked_.push_back(std::move(asked));
  answer_by_itself(asked_.back());
}

bool StageServer::closes_on(const Question& question) const {
  if (to_text(question) == closes_at) return true;
  const auto load = closes_at_one_in == 0 ? std::nullopt : Load::number_of(question.name);
  return load && *load % closes_at_one_in == 0;
}

void StageServer::answer_by_itself(Asked& asked) {
  if (!knows_edns && !asked.text.contains(" without EDNS")) {
    asked.seen = true;
    return answer(asked, {.rcode = dns::rcode::formerr, .without_edns = true}, {}, {});
  }
  const auto found = std::ranges::find(prepared, asked.text, &Habit::question);
  if (found != prepared.end()) {
    const auto habit = *found;
    prepared.erase(found);
    return answer(asked, habit.reply, habit.after, habit.form);
  }
  if (!answers_all) return;
  asked.seen = true;
  auto reply = answers_all->reply;
  if (reply.rcode == dns::rcode::noerror && asked.question.type == dns::type::a) {
    auto owner = dns::parse_name(asked.question.name).value();
    reply.sections[0].push_back(
        {.owner = std::move(owner), .type = dns::type::a, .ttl = 300, .rdata = {192, 0, 2, 200}});
  }
  answer(asked, reply, answers_all->after, answers_all->form);
}

bool StageServer::see(const std::string& question) {
  const auto found =
      std::ranges::find_if(asked_, [&](const Asked& asked) { return !asked.seen && asked.text == question; });
  if (found == asked_.end()) return false;
  found->seen = true;
  return true;
}

StageServer::Asked* StageServer::find_waiting(const Question& question, bool over_tcp) {
  const auto text = to_text(question);
  const auto found = std::ranges::find_if(asked_, [&](const Asked& asked) {
    if (!asked.seen || asked.answered || to_text(asked.question) != text) return false;
    const auto* const way = find(asked.way);
    return way != nullptr && way->is_open && (way->is_stream() || !over_tcp);
  });
  return found == asked_.end() ? nullptr : &*found;
}

void StageServer::answer(Asked& asked, const Reply& reply, runtime::Duration after, const Form& form, bool is_forged) {
  if (!is_forged) asked.answered = true;
  auto ours = reply;
  if (!ours.keepalive) ours.keepalive = keepalive;
  auto message = reply_message(form.other_question.value_or(asked.question), ours);
  dns::write_u16(message, 0, static_cast<std::uint16_t>(form.has_another_id ? asked.id + 1 : asked.id));
  constexpr std::size_t missing = 5;
  if (form.is_cut || form.lacks_last_bytes) message.resize(message.size() - missing);
  const auto send = [this, number = asked.way, is_cut = form.is_cut, message = std::move(message)] {
    if (auto* const way = find(number)) way->deliver(message, is_cut);
  };
  happenings_.add(send, after);
  // Ended queries are no longer searched.
  while (asked_.size() > 1 && asked_.front().seen && asked_.front().answered && &asked_.front() != &asked)
    asked_.pop_front();
}

std::vector<std::string> StageServer::unseen() const {
  std::vector<std::string> all;
  for (const auto& asked : asked_) {
    if (!asked.seen) all.push_back(asked.text);
  }
  return all;
}

bool StageServer::has_waiting() const {
  return is_silent || std::ranges::any_of(asked_, [this](const Asked& asked) {
           const auto* const way = find(asked.way);
           return !asked.answered && way != nullptr && way->is_open;
         });
}

}  // namespace pillion::scenarios
