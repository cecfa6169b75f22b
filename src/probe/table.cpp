#include "probe/table.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "presentation/mnemonics.hpp"

namespace pillion::probe {
namespace {

constexpr std::size_t width = 80;
constexpr std::size_t address_width = 21;  // columns for an IPv4 address and port; a longer address has its own line
constexpr std::string_view absent = "-";

/// About three significant digits: "0.42", "12.3", "1204".
std::string number(double value) {
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

std::string ms(const std::optional<runtime::Duration>& duration) {
  return duration ? number(milliseconds(*duration)) : std::string(absent);
}

std::string duration_text(runtime::Duration duration) {
  const auto value = milliseconds(duration);
  return value < 1000 ? number(value) + " ms" : number(value / 1000) + " s";
}

std::string per_second(const ProbeFigures& figures) {
  if (!figures.pipelined || figures.pipelined->took.count() == 0) return std::string(absent);
  const auto seconds = std::chrono::duration<double>(figures.pipelined->took).count();
  return fmt::format("{:.0f}", figures.pipelined->answered / seconds);
}

/// Breaks `text` into lines of at most `width` columns. Every line but the first is indented by `indent` spaces. A
/// longer word is cut.
std::string wrapped(std::string line, std::string_view text, std::size_t indent) {
  std::string lines;
  bool is_first = true;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!is_first && line.size() + 1 + word.size() > width) {
      lines += line + "\n";
      line.assign(indent, ' ');
      is_first = true;
    }
    while (line.size() + word.size() + 1 > width) {
      const auto room = width - line.size();
      lines.append(line).append(word.substr(0, room)).append("\n");
      word.remove_prefix(std::min(room, word.size()));
      line.assign(indent, ' ');
    }
    line.append(is_first ? "" : " ").append(word);
    is_first = false;
  }
  return lines + line + "\n";
}

std::string row(std::size_t place, const ProbedServer& server) {
  const auto& figures = server.figures;
  const auto address = config::to_string(server.target.server.endpoint);
  const auto rank = has_failed(server.findings) ? std::string(absent) : std::to_string(place);
  std::string start = fmt::format("{:>2}  ", rank);
  if (address.size() > address_width) {
    start += address + "\n";
    start.append(4 + address_width, ' ');
  } else {
    start += fmt::format("{:<{}}", address, address_width);
  }
  if (figures.failure && !figures.hot.latency) return start + " failed: see below\n";
  const auto of = [](const std::optional<Percentiles>& latency, auto member) {
    return latency ? number(milliseconds((*latency).*member)) : std::string(absent);
  };
  const auto& [hot, cold] = std::pair(figures.hot.latency, figures.cold.latency);
  return start + fmt::format("{:>8}{:>8}{:>7}{:>7}{:>7}{:>7}{:>8}\n",
                             ms(figures.tls ? figures.tls->full : std::nullopt),
                             ms(figures.tls ? figures.tls->resumed : std::nullopt), of(hot, &Percentiles::p50),
                             of(hot, &Percentiles::p95), of(cold, &Percentiles::p50), of(cold, &Percentiles::p95),
                             per_second(figures));
}

class DetailLines {
 public:
  void add(std::string_view label, std::string_view value) {
    if (!value.empty()) text_ += wrapped(fmt::format("    {:<13}", label), value, indent);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

  static constexpr std::size_t indent = 17;

 private:
  std::string text_;
};

std::string days_text(std::int64_t days) {
  const auto counted = fmt::format("{} day{}", std::abs(days), std::abs(days) == 1 ? "" : "s");
  return days < 0 ? "expired " + counted + " ago" : counted + " left";
}

void add_tls(const ProbeFigures& figures, DetailLines& lines) {
  if (!figures.tls) return;
  const auto& tls = *figures.tls;
  if (!tls.version.empty()) lines.add("tls", fmt::format("{} {} {}", tls.version, tls.group, tls.cipher));
  if (tls.full)
    lines.add("resumption",
              tls.resumed ? fmt::format("yes, {} instead of {}", duration_text(*tls.resumed), duration_text(*tls.full))
                          : "no");
  if (tls.chain.empty()) return;
  lines.add("certificate", fmt::format("{}, {}", tls.chain.front().subject, days_text(days_left(figures))));
  std::string issuers;
  for (const auto& certificate : tls.chain) {
    if (certificate.issuer != certificate.subject) issuers += (issuers.empty() ? "" : "; ") + certificate.issuer;
  }
  lines.add("issuer", issuers);
  lines.add("pin", tls.chain.front().pin);
}

std::string latency_text(const LatencyFigures& figures) {
  if (!figures.latency) return {};
  const auto& latency = *figures.latency;
  return fmt::format("p50 {}, p95 {}, p99 {} of {}", duration_text(latency.p50), duration_text(latency.p95),
                     duration_text(latency.p99), latency.samples);
}

void add_pipelining(const ProbeFigures& figures, DetailLines& lines) {
  if (figures.pipelined) {
    lines.add("pipelined", fmt::format("{} answers in {}, {} in flight", figures.pipelined->answered,
                                       duration_text(figures.pipelined->took), figures.pipelined->in_flight));
  }
  if (!figures.in_flight) return;
  const auto& [served, is_limit] = *figures.in_flight;
  lines.add("order", served > 1 ? "out of order: quick names overtake slow ones" : "in order");
  lines.add("in flight", is_limit ? fmt::format("{} queries of a connection at once, and no more", served)
                                  : fmt::format("{} queries of a connection at once; more were not tried", served));
}

void add_idle(const ProbeFigures& figures, DetailLines& lines) {
  std::string text;
  if (figures.idle) {
    text = figures.idle->closed_after ? "closed after " + duration_text(*figures.idle->closed_after)
                                      : "still open after " + duration_text(figures.idle->waited);
  }
  if (figures.keepalive) {
    text.append(text.empty() ? "" : "; ").append("keepalive states ").append(duration_text(*figures.keepalive));
  }
  lines.add("idle", text);
}

std::string behaviour_text(const Behaviour& behaviour) {
  return fmt::format("{}{}{}, {} bytes", presentation::rcode_to_text(behaviour.rcode),
                     behaviour.is_authentic ? ", AD" : "", behaviour.is_truncated ? ", TC" : "", behaviour.size);
}

void add_behaviour(const ProbeFigures& figures, DetailLines& lines) {
  const auto add = [&](std::string_view label, const std::optional<Behaviour>& behaviour) {
    if (behaviour) lines.add(label, behaviour_text(*behaviour));
  };
  add("signed name", figures.signed_name);
  add("bogus name", figures.bogus_name);
  add("missing name", figures.missing_name);
  add("large answer", figures.large_answer);
  add("over TCP", figures.large_over_tcp);
  std::string errors;
  for (const auto code : figures.extended_errors)
    errors += fmt::format("{}{} ({})", errors.empty() ? "" : ", ", code, presentation::extended_error_to_text(code));
  if (figures.hot.latency) lines.add("EDE", errors.empty() ? "none seen" : errors);
}

std::string details(const ProbedServer& server) {
  const auto& [target, figures, findings] = server;
  DetailLines lines;
  add_tls(figures, lines);
  if (figures.connect) lines.add("connect", duration_text(*figures.connect) + " for TCP");
  lines.add("hot name", latency_text(figures.hot));
  lines.add("cold names", latency_text(figures.cold));
  add_pipelining(figures, lines);
  add_idle(figures, lines);
  if (figures.tls && figures.hot.latency)
    lines.add("padding", figures.padding ? fmt::format("multiples of {} bytes", *figures.padding) : "none");
  add_behaviour(figures, lines);
  auto title = config::to_string(target.server.endpoint);
  if (!target.server.tls_name.empty()) title += ' ' + target.server.tls_name;
  title += fmt::format(" ({}, upstream {}): {}", config::to_string(target.protocol), target.upstream,
                       has_failed(findings) ? "failed" : "passed");
  auto text = "\n" + wrapped({}, title, 4);
  for (const auto& finding : findings)
    text += wrapped(finding.severity == ProbeSeverity::failed ? "  failed: " : "  warning: ", finding.text, 4);
  return text + lines.take();
}

}  // namespace

std::string to_table(const std::vector<ProbedServer>& servers) {
  std::string table = fmt::format("{:>{}}{:>15}{:>14}{:>8}\n", "handshake, ms", 4 + address_width + 16, "hot name, ms",
                                  "cold, ms", "queries");
  table += fmt::format("    {:<{}}{:>8}{:>8}{:>7}{:>7}{:>7}{:>7}{:>8}\n", "server", address_width, "full", "resumed",
                       "p50", "p95", "p50", "p95", "a sec.");
  for (std::size_t i = 0; i < servers.size(); ++i) table += row(i + 1, servers[i]);
  for (const auto& server : servers) table += details(server);
  return table;
}

}  // namespace pillion::probe
