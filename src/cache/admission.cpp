#include "cache/admission.hpp"

#include <algorithm>
#include <optional>

#include "dns/edns.hpp"
#include "dns/ttl.hpp"
#include "runtime/enum_array.hpp"

namespace pillion::cache {
namespace {

constexpr std::uint16_t first_meta_type = 128;  // RFC 6895 section 3.1: 128 to 255 are for queries and transactions
constexpr std::size_t min_soa_size =
    2 + 5 * 4;  // RFC 1035 section 3.3.13: two names, each at least the root, and five numbers
constexpr std::size_t ecs_scope_offset = 3;  // RFC 7871 section 6: family, source prefix length, scope

std::uint32_t seconds(std::chrono::seconds time) {
  return static_cast<std::uint32_t>(std::clamp(time, std::chrono::seconds{0}, max_time).count());
}

bool is_meta(const Key& key) {
  const bool meta_type = key.type == every_type || key.type == dns::type::opt ||
                         (key.type >= first_meta_type && key.type < dns::type::any);
  return meta_type || key.klass == 0 ||
         key.klass >= 254;  // from NONE (RFC 2136 section 2.4) and ANY on, classes have no data
}

bool is_scoped(dns::Bytes options) {
  const auto subnet = dns::find_option(options, dns::option::client_subnet);
  return subnet && (subnet->size() <= ecs_scope_offset || (*subnet)[ecs_scope_offset] != 0);
}

// RFC 9520 section 2: SERVFAIL, REFUSED and FORMERR say nothing about the name; nor does NOTIMP.
bool is_failure(std::uint16_t rcode) {
  return rcode == dns::rcode::servfail || rcode == dns::rcode::refused || rcode == dns::rcode::formerr ||
         rcode == dns::rcode::notimp;
}

// The reason not to keep a reply whatever its records are; nullopt if there is none.
std::optional<NotStored> unfit(const Key& key, const dns::MessageView& reply) {
  const auto header = reply.header();
  const auto& question = reply.question();
  if (!header.is_response() || header.opcode() != dns::opcode::query) return NotStored::not_a_response;
  if (question.type != key.type || question.klass != key.klass || question.name != key.name) {
    return NotStored::other_question;
  }
  if (header.is_truncated()) return NotStored::truncated;
  if (reply.is_signed()) return NotStored::signed_message;
  const auto edns = dns::read_edns(reply);
  if (is_scoped(edns.options)) return NotStored::client_subnet;
  if (is_meta(key)) return NotStored::meta_type;
  const auto rcode = header.rcode();
  const bool is_known = rcode == dns::rcode::noerror || rcode == dns::rcode::nxdomain || is_failure(rcode);
  if (edns.extended_rcode != 0 || !is_known) {
    return NotStored::other_rcode;
  }
  return std::nullopt;
}

struct Survey {
  std::uint32_t smallest_ttl = 0xFFFFFFFF;
  std::optional<std::uint32_t> soa_minimum;
  bool has_answer = false;  // the answer section has a record of the type of the question; a CNAME alone is no answer
};

Survey survey(const Key& key, const dns::MessageView& reply) {
  Survey found;
  const auto answers = std::size_t{reply.header().answers()};
  const auto before_additional = answers + reply.header().authorities();
  std::size_t index = 0;
  dns::for_each_record(reply, [&](const dns::Record& record) {
    const auto i = index++;
    if (record.type == dns::type::opt) return;
    found.smallest_ttl = std::min(found.smallest_ttl, dns::effective_ttl(record.ttl));
    if (i < answers) {
      found.has_answer |= record.klass == key.klass && (record.type == key.type || key.type == dns::type::any);
    } else if (i < before_additional && record.type == dns::type::soa && record.rdata_size >= min_soa_size) {
      const auto minimum = dns::effective_ttl(dns::read_u32(reply.bytes(), record.end - 4));
      found.soa_minimum = std::min(found.soa_minimum.value_or(minimum), minimum);
    }
  });
  return found;
}

}  // namespace

std::string_view to_string(NotStored reason) {
  static constexpr auto names = runtime::enum_array<NotStored, std::string_view>(
      {"not_a_response", "other_question", "truncated", "signed_message", "client_subnet", "meta_type", "other_rcode",
       "no_soa", "zero_ttl", "too_large"});
  return reason == NotStored::count_ ? "unknown" : names[reason];
}

std::uint32_t failure_lifetime(const Settings& settings) {
  return seconds(std::clamp(settings.failure_ttl, std::chrono::seconds{1}, max_failure_ttl));
}

std::expected<Admitted, NotStored> admit(const Key& key, const dns::MessageView& reply, const Settings& settings) {
  if (settings.size == 0) return std::unexpected(NotStored::too_large);
  if (const auto reason = unfit(key, reply)) return std::unexpected(*reason);
  const auto rcode = reply.header().rcode();
  if (is_failure(rcode)) {
    return Admitted{.kind = Kind::failure, .lifetime = failure_lifetime(settings)};
  }
  const auto found = survey(key, reply);
  Admitted admitted;
  if (rcode == dns::rcode::noerror && found.has_answer) {
    admitted.lifetime = std::clamp(found.smallest_ttl, seconds(settings.min_ttl), seconds(settings.max_ttl));
  } else {
    if (!found.soa_minimum) return std::unexpected(NotStored::no_soa);
    admitted.kind = rcode == dns::rcode::nxdomain ? Kind::nxdomain : Kind::nodata;
    admitted.lifetime = std::min({found.smallest_ttl, *found.soa_minimum, seconds(settings.max_negative_ttl)});
    admitted.denies_name = admitted.kind == Kind::nxdomain && reply.header().answers() == 0;
  }
  if (admitted.lifetime == 0) return std::unexpected(NotStored::zero_ttl);
  return admitted;
}

std::uint32_t bounded_ttl(const dns::Record& record, bool has_answer,
                          const std::expected<Admitted, NotStored>& admitted, const Settings& settings) {
  const auto ttl = std::min(dns::effective_ttl(record.ttl), seconds(settings.max_ttl));
  if (has_answer && (!admitted || admitted->kind == Kind::positive)) return std::max(ttl, seconds(settings.min_ttl));
  return record.type == dns::type::soa && admitted ? std::min(ttl, admitted->lifetime) : ttl;
}

}  // namespace pillion::cache
