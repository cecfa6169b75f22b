#include "probe/findings.hpp"

#include <algorithm>
#include <compare>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "config/scalar.hpp"
#include "presentation/mnemonics.hpp"
#include "runtime/stable_sort.hpp"

namespace pillion::probe {
namespace {

constexpr std::int64_t few_days = 14;
constexpr std::size_t longest_detail = 300;  // bytes; longer than any text of upstream/openssl_error

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text.empty() ? "no name" : text;
}

/// What the certificates explain of a failed handshake; empty if nothing.
std::string explanation(const ProbeTarget& target, const ProbeFigures& figures) {
  if (!figures.tls || figures.tls->chain.empty()) return {};
  const auto& chain = figures.tls->chain;
  const auto& own = chain.front();
  switch (figures.failure->error) {
    case upstream::Error::certificate_name:
      return fmt::format("the name must be {}, and the certificate is for {}",
                         target.server.tls_name.empty() ? target.server.endpoint.address : target.server.tls_name,
                         listed(own.names));
    case upstream::Error::certificate_untrusted:
      return fmt::format("{} is signed by {}, and {} has no CA with that name and key", chain.back().subject,
                         chain.back().issuer, target.tls.ca_file);
    case upstream::Error::certificate_expired: {
      const auto ends = std::ranges::min_element(chain, {}, &CertificateFacts::not_after);
      const auto starts = std::ranges::max_element(chain, {}, &CertificateFacts::not_before);
      return starts->not_before > figures.measured_at
                 ? fmt::format("{} is not valid before {}", starts->subject, date_text(starts->not_before))
                 : fmt::format("{} was valid until {}", ends->subject, date_text(ends->not_after));
    }
    case upstream::Error::pin_mismatch:
      return fmt::format("the pin of the certificate is {}", own.pin);
    default:
      return {};
  }
}

class Findings {
 public:
  void failed(std::string text) { add(ProbeSeverity::failed, std::move(text)); }
  void warn_if(bool holds, std::string text) {
    if (holds) add(ProbeSeverity::warning, std::move(text));
  }
  void fail_if(bool holds, std::string text) {
    if (holds) add(ProbeSeverity::failed, std::move(text));
  }
  [[nodiscard]] std::vector<ProbeFinding> take() {
    std::ranges::move(warnings_, std::back_inserter(failures_));
    return std::move(failures_);
  }

 private:
  void add(ProbeSeverity severity, std::string text) {
    auto& findings = severity == ProbeSeverity::failed ? failures_ : warnings_;
    findings.push_back({.severity = severity, .text = std::move(text)});
  }
  std::vector<ProbeFinding> failures_;
  std::vector<ProbeFinding> warnings_;
};

void judge_latency(std::string_view kind, const LatencyFigures& figures, Findings& findings) {
  auto unanswered =
      fmt::format("the server did not answer {} of {} queries for {}", figures.unanswered, figures.asked, kind);
  if (figures.error) unanswered += ": " + std::string(upstream::traits(*figures.error).text);
  // A few lost datagrams are only a warning.
  const bool are_many = 10 * figures.unanswered >= figures.asked;
  findings.fail_if(figures.unanswered > 0 && are_many, unanswered);
  findings.warn_if(figures.unanswered > 0 && !are_many, unanswered);
  if (figures.refused > 0) {
    findings.failed(fmt::format("the server answered {} of {} queries for {} with {}", figures.refused, figures.asked,
                                kind, presentation::rcode_to_text(*figures.rcode)));
  }
}

void judge_tls(const TlsFigures& tls, std::int64_t days, Findings& findings) {
  const auto when = days < 1 ? std::string("within a day") : fmt::format("in {} day{}", days, days == 1 ? "" : "s");
  findings.warn_if(days <= few_days, fmt::format("a certificate of the server's chain expires {}", when));
  findings.warn_if(!tls.resumed, "the server does not resume sessions: each new connection costs a full handshake");
}

void judge_answers(const ProbeFigures& figures, bool is_stream, bool is_general, Findings& findings) {
  const auto& large = figures.large_answer;
  findings.fail_if(is_stream && large && large->is_truncated, "the server truncates answers over a stream");
  findings.fail_if(figures.large_over_tcp && figures.large_over_tcp->is_truncated,
                   "the server truncates answers over TCP too");
  const auto& missing = figures.missing_name;
  findings.warn_if(missing && missing->rcode == dns::rcode::noerror && missing->records > 0,
                   "the server answers names that do not exist with records of its own");
  // A server that refuses the query says nothing about validation.
  findings.warn_if(is_general && figures.signed_name && figures.signed_name->rcode == dns::rcode::noerror &&
                       !figures.signed_name->is_authentic,
                   "the server does not set AD in the answer for a signed name, so that it does not seem to validate");
  findings.warn_if(figures.bogus_name && figures.bogus_name->rcode == dns::rcode::noerror,
                   "the server answers a name with invalid DNSSEC signatures");
  findings.warn_if(!figures.has_edns, "the server does not support EDNS");
}

}  // namespace

std::string failure_text(const ProbeTarget& target, const ProbeFigures& figures) {
  const auto& failure = *figures.failure;
  std::string text(upstream::traits(failure.error).text);
  auto more = explanation(target, figures);
  // For a refused connection the detail only repeats the text.
  if (more.empty() && failure.error != upstream::Error::connect_refused)
    more = config::one_line(failure.detail, longest_detail);
  return more.empty() ? text : text + ": " + more;
}

std::string date_text(std::chrono::system_clock::time_point time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::int64_t days_left(const ProbeFigures& figures) {
  if (!figures.tls || figures.tls->chain.empty()) return std::numeric_limits<std::int64_t>::max();
  const auto soonest = std::ranges::min_element(figures.tls->chain, {}, &CertificateFacts::not_after);
  return std::chrono::floor<std::chrono::days>(soonest->not_after - figures.measured_at).count();
}

std::vector<ProbeFinding> findings_of(const ProbeTarget& target, const ProbeFigures& figures) {
  Findings findings;
  if (figures.failure) findings.failed(failure_text(target, figures));
  const bool is_stream = target.protocol != config::Protocol::udp;
  judge_latency("the hot name", figures.hot, findings);
  judge_latency("cold names", figures.cold, findings);
  if (figures.failure) return findings.take();
  if (figures.tls) {
    judge_tls(*figures.tls, days_left(figures), findings);
    findings.warn_if(!figures.padding,
                     "the server does not pad its answers, so that their sizes say something of the names");
  }
  findings.warn_if(figures.in_flight && figures.in_flight->served == 1,
                   "the server answers in order: one slow name delays all others");
  findings.warn_if(figures.closes > 1,
                   fmt::format("the server closed {} connections during the measurement", figures.closes));
  judge_answers(figures, is_stream, target.is_general, findings);
  return findings.take();
}

bool has_failed(const std::vector<ProbeFinding>& findings) {
  return std::ranges::any_of(findings, [](const ProbeFinding& each) { return each.severity == ProbeSeverity::failed; });
}

std::vector<ProbedServer> ranked(std::vector<ProbedServer> servers) {
  runtime::sort_stably(servers, [](const ProbedServer& server) {
    const auto& hot = server.figures.hot.latency;
    const auto& cold = server.figures.cold.latency;
    const auto medians = hot && cold ? hot->p50 + cold->p50 : runtime::Duration::max();
    return std::pair(has_failed(server.findings), medians);
  });
  return servers;
}

}  // namespace pillion::probe
