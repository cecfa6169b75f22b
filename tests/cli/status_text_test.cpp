#include "cli/status_text.hpp"

#include <sstream>
#include <string>
#include <string_view>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

namespace pillion::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::StartsWith;

json::object status() {
  return json::parse(R"({
    "verdict": {"severity": "ok", "code": "all_well", "fault": "none", "text": "DNS works.", "window_seconds": 60,
                "findings": [{"severity": "ok", "code": "all_well", "fault": "none", "text": "DNS works.", "subject": null}]},
    "state": "ready", "time": "2026-01-01T00:00:00.000Z", "started_at": "2025-12-31T20:55:00.000Z", "uptime_seconds": 11100.5,
    "build": {"version": "1.2.3", "commit": "0123456789ab", "openssl": "3.0.0", "sbom_sha256": null},
    "config": {"hash": "abcdef012345", "file": null, "reloads": {"succeeded": 0}},
    "queries": {"received": 400, "answered": 400, "by_source": {"cache": 300, "stale": 0, "upstream": 100, "cluster": 0, "local": 0},
                "rejected": {"opcode": 2}, "in_flight": 1, "plaintext": 7},
    "latency": {"cache": {"count": 300, "p50_seconds": 0.00002, "p99_seconds": 0.0001},
                "upstream": {"count": 100, "p50_seconds": 0.012, "p99_seconds": 1.5}, "local": {"count": 0, "p50_seconds": null, "p99_seconds": null}},
    "cache": {"enabled": true, "entries": 12, "bytes": 2048, "limit_bytes": 4194304, "hit_ratio": 0.75},
    "clients": {"connections": 3, "connections_limit": 4096, "tracked": 1, "banned": 0},
    "memory": {"resident_bytes": 12582912, "limit_bytes": 268435456}})")
      .as_object();
}

json::object upstreams(std::string_view handshake, std::string_view error) {
  return json::parse(R"({"upstreams": [{"name": "public", "protocol": "tls", "zones": ["."], "servers": [
    {"address": "[2606:4700:4700::1111]:853", "tls_name": "cloudflare-dns.com", "state": "up", "responses": {"NOERROR": 90, "NXDOMAIN": 10},
     "latency": {"smoothed_seconds": 0.01, "p50_seconds": 0.012, "p95_seconds": null, "p99_seconds": null}, "plaintext_queries": 0,
     "last_handshake": )" +
                     std::string(handshake) + R"(, "last_error": )" + std::string(error) +
                     "}]}], \"missing_shards\": 0}")
      .as_object();
}

constexpr std::string_view handshake = R"({"at": "2026-01-01T00:00:00.000Z", "resumed": false, "duration_seconds": 0.02,
    "version": "TLSv1.3", "group": "X25519MLKEM768", "cipher": "TLS_AES_256_GCM_SHA384", "verified_name": "cloudflare-dns.com",
    "pin": "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "subject": "CN=cloudflare-dns.com",
    "issuer": "CN=A certification authority with a name that is long,O=An organisation with a name that is long too,C=US",
    "not_after": "2026-04-01T00:00:00.000Z", "days_left": 90})";
constexpr std::string_view error =
    R"({"at": "2026-01-01T00:00:00.000Z", "reason": "reset", "text": "connection reset", "detail": ""})";

TEST(StatusText, IsOfEightyColumnsWithTheVerdictFirst) {
  const auto text = status_text(status(), upstreams(handshake, error));
  EXPECT_THAT(
      text,
      StartsWith("DNS works.\n\npillion    1.2.3 (0123456789ab), ready for 3 h 5 min, configuration abcdef012345\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "\nqueries    400 received, 1 in flight; answered from cache 75 %, upstream 25 %; 2\n           rejected\n"));
  EXPECT_THAT(text, HasSubstr("\nlatency    cache 0.02 ms (p99 0.10 ms), upstream 12 ms (p99 1.5 s)\n"));
  EXPECT_THAT(text, HasSubstr("\ncache      12 answers, 2.0 KiB of 4.0 MiB, 75 % hits\n"));
  EXPECT_THAT(text, HasSubstr("\nplaintext  7 queries sent in the clear\n"));
  EXPECT_THAT(text, HasSubstr("\npublic     [2606:4700:4700::1111]:853 up, 100 replies, p50 12 ms, p99 -\n"));
  EXPECT_THAT(text, HasSubstr("           cloudflare-dns.com (pinned), TLSv1.3 X25519MLKEM768"));
  EXPECT_THAT(text, HasSubstr("90 days left\n"));
  EXPECT_THAT(text, HasSubstr("last error at 2026-01-01T00:00:00.000Z: connection reset\n"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), status_columns) << line;
}

TEST(StatusText, OfAServerThatWasNeverReached) {
  const auto text = status_text(status(), upstreams("null", "null"));
  EXPECT_THAT(text, testing::Not(HasSubstr("issued by")));
  EXPECT_THAT(text, testing::Not(HasSubstr("last error")));
}

TEST(StatusText, OfAnotherVersionThrows) {
  EXPECT_ANY_THROW(static_cast<void>(status_text({}, {})));
}

TEST(Attestation, NamesWhomAServerWasVerifiedToBe) {
  const auto attested = attestation(status(), upstreams(handshake, "null"));
  EXPECT_EQ(attested.at("plaintext_queries").to_number<int>(), 7);
  EXPECT_EQ(attested.at("config").at("hash").as_string(), "abcdef012345");
  const auto& server = attested.at("upstreams").as_array().at(0).at("servers").as_array().at(0).as_object();
  EXPECT_EQ(server.at("verified_name").as_string(), "cloudflare-dns.com");
  EXPECT_EQ(server.at("pin_matched").as_string(), "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  EXPECT_EQ(server.at("tls_version").as_string(), "TLSv1.3");
  EXPECT_EQ(server.at("last_handshake").as_string(), "2026-01-01T00:00:00.000Z");
}

TEST(Attestation, OfAServerThatWasNeverReachedSaysSo) {
  const auto attested = attestation(status(), upstreams("null", error));
  const auto& server = attested.at("upstreams").as_array().at(0).at("servers").as_array().at(0).as_object();
  EXPECT_TRUE(server.at("verified_name").is_null());
  EXPECT_TRUE(server.at("not_after").is_null());
  EXPECT_EQ(server.at("last_error").at("reason").as_string(), "reset");
}

}  // namespace
}  // namespace pillion::cli
