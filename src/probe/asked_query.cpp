#include "probe/asked_query.hpp"

#include <utility>

#include "dns/edns.hpp"
#include "dns/response.hpp"

namespace pillion::probe {
namespace {

void read_options(dns::Bytes options, ReplyFacts& facts) {
  facts.is_padded = dns::find_option(options, dns::option::padding).has_value();
  dns::for_each_extended_error(
      options, [&](std::uint16_t info_code, dns::Bytes /*extra_text*/) { facts.extended_errors.push_back(info_code); });
  constexpr std::chrono::milliseconds unit{100};  // RFC 7828 section 3.1
  if (const auto timeout = dns::keepalive_timeout(options)) facts.keepalive = *timeout * unit;
}

}  // namespace

ReplyFacts facts_of(const upstream::Reply& reply) {
  ReplyFacts facts{.rcode = reply.rcode, .is_truncated = reply.is_truncated, .latency = reply.latency};
  if (!reply.message) return facts;
  const auto header = reply.message->header();
  facts.is_truncated |= header.is_truncated();
  facts.is_authentic = (header.flags() & dns::flag::ad) != 0;
  facts.size = reply.message->bytes().size();
  facts.records = header.answers();
  const auto edns = dns::read_edns(*reply.message);
  facts.has_edns = edns.present;
  if (edns.present) read_options(edns.options, facts);
  return facts;
}

AskedQuery::AskedQuery(dns::Bytes name, std::uint16_t type, bool wants_dnssec, std::function<void()> ended)
    : ended_(std::move(ended)) {
  dns::append_query(message, 0, dns::flag::rd, name, type, dns::klass::in);
  dnssec_ok = wants_dnssec;
}

void AskedQuery::begin() {
  reply_.reset();
  error_.reset();
  is_under_way_ = true;
}

void AskedQuery::replied(const upstream::Reply& reply) {
  is_under_way_ = false;
  reply_ = facts_of(reply);
  if (kept_ != nullptr && reply.message) kept_->assign(reply.message->bytes().begin(), reply.message->bytes().end());
  ended_();
}

void AskedQuery::failed(upstream::Error error) {
  is_under_way_ = false;
  error_ = error;
  ended_();
}

}  // namespace pillion::probe
