#pragma once
// Figures of a good server, which tests make worse.

#include <chrono>
#include <string>

#include "dns/name.hpp"
#include "probe/findings.hpp"

namespace pillion::probe::testing {

inline ProbeTarget sample_target(const std::string& address = "192.0.2.1",
                                 const std::string& tls_name = "dot.example") {
  ProbeTarget target;
  target.upstream = "public";
  target.server.endpoint = {.address = address, .port = 853};
  target.server.tls_name = tls_name;
  target.zone = dns::parse_name("example.com").value();
  return target;
}

inline LatencyFigures sample_latency(std::chrono::microseconds p50) {
  return {.latency = Percentiles{.p50 = p50, .p95 = 2 * p50, .p99 = 3 * p50, .samples = 40}, .asked = 40};
}

inline ProbeFigures good_figures(std::chrono::microseconds hot = std::chrono::microseconds(5'200)) {
  using namespace std::chrono_literals;
  const std::chrono::system_clock::time_point now = std::chrono::sys_days{2026y / std::chrono::November / 26};
  ProbeFigures figures;
  figures.measured_at = now;
  figures.connect = 4800us;
  figures.tls = TlsFigures{.full = 12'345us,
                           .resumed = 6'700us,
                           .version = "TLSv1.3",
                           .group = "X25519MLKEM768",
                           .cipher = "TLS_AES_256_GCM_SHA384",
                           .chain = {{.subject = "CN=dot.example,O=Example Resolver Operations Inc.,C=NL",
                                      .issuer = "CN=Example TLS Hybrid ECC SHA384 2020 CA1,O=Example Inc,C=US",
                                      .names = {"dot.example", "192.0.2.1"},
                                      .not_before = now - std::chrono::hours{24},
                                      .not_after = now + std::chrono::days{90},
                                      .pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}};
  figures.hot = sample_latency(hot);
  figures.cold = sample_latency(24'000us);
  figures.in_flight = InFlightFigures{.served = 64, .is_limit = false};
  figures.pipelined = PipelineFigures{.answered = 1000, .took = 112ms, .in_flight = 100};
  figures.has_edns = true;
  figures.keepalive = 30s;
  figures.padding = 468;
  figures.signed_name = Behaviour{.rcode = dns::rcode::noerror, .is_authentic = true, .size = 468, .records = 2};
  figures.bogus_name = Behaviour{.rcode = dns::rcode::servfail, .size = 468};
  figures.missing_name = Behaviour{.rcode = dns::rcode::nxdomain, .size = 468};
  figures.large_answer = Behaviour{.rcode = dns::rcode::noerror, .size = 1404, .records = 4};
  figures.extended_errors = {9, 6};
  figures.idle = IdleFigures{.closed_after = 10s, .waited = 10s};
  return figures;
}

inline ProbedServer sample_server(const ProbeTarget& target, const ProbeFigures& figures) {
  return {.target = target, .figures = figures, .findings = findings_of(target, figures)};
}

inline ProbeFigures failed_figures(upstream::Error error, const std::string& detail) {
  ProbeFigures figures;
  figures.measured_at = good_figures().measured_at;
  figures.failure = ProbeFailure{.error = error, .detail = detail};
  return figures;
}

}  // namespace pillion::probe::testing
