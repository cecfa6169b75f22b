#include "telemetry/exposition.hpp"

#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string_view>

#include <fmt/format.h>

namespace pillion::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

void append(std::string& out, std::uint64_t number) {
  fmt::format_to(std::back_inserter(out), "{}", number);
}

/// At most 16 digits, as prometheus-cpp writes them. Uses fmt, since std::to_chars would add tables of 130 kB and
/// libm.
void append(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "Nan";
  } else if (std::isinf(number)) {
    out += number < 0 ? "-Inf" : "+Inf";
  } else {
    fmt::format_to(std::back_inserter(out), "{:.16g}", number);
  }
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append("=\"");
  for (const char c : value) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\\':
      case '"':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  out += '"';
}

/// Appends the part before a number: the name and the labels. `bound` is the upper bound of a bucket, or nullptr.
void append_series(std::string& out, std::string_view name, std::string_view suffix, const ClientMetric& metric,
                   const double* bound = nullptr) {
  out.append(name).append(suffix);
  char before = '{';
  for (const auto& label : metric.label) {
    out += before;
    append_label(out, label.name, label.value);
    before = ',';
  }
  if (bound != nullptr) {
    out += before;
    out += "le=\"";
    append(out, *bound);
    out += '"';
    before = ',';
  }
  if (before != '{') out += '}';
  out += ' ';
}

void append_line(std::string& out, std::string_view name, std::string_view suffix, const ClientMetric& metric,
                 auto number, const double* bound = nullptr) {
  append_series(out, name, suffix, metric, bound);
  append(out, number);
  out += '\n';
}

void append_histogram(std::string& out, std::string_view name, const ClientMetric& metric) {
  const auto& histogram = metric.histogram;
  append_line(out, name, "_count", metric, histogram.sample_count);
  append_line(out, name, "_sum", metric, histogram.sample_sum);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const auto& bucket : histogram.bucket) {
    append_line(out, name, "_bucket", metric, bucket.cumulative_count, &bucket.upper_bound);
  }
  if (histogram.bucket.empty() || histogram.bucket.back().upper_bound != infinity) {
    append_line(out, name, "_bucket", metric, histogram.sample_count, &infinity);
  }
}

}  // namespace

std::string exposition_text(const std::vector<MetricFamily>& families) {
  std::string out;
  for (const auto& family : families) {
    if (!family.help.empty()) out.append("# HELP ").append(family.name).append(" ").append(family.help).append("\n");
    out.append("# TYPE ").append(family.name);
    switch (family.type) {
      case prometheus::MetricType::Counter:
        out += " counter\n";
        for (const auto& metric : family.metric) append_line(out, family.name, "", metric, metric.counter.value);
        break;
      case prometheus::MetricType::Histogram:
        out += " histogram\n";
        for (const auto& metric : family.metric) append_histogram(out, family.name, metric);
        break;
      default:  // runtime::MetricType has no other
        out += " gauge\n";
        for (const auto& metric : family.metric) append_line(out, family.name, "", metric, metric.gauge.value);
    }
  }
  return out;
}

}  // namespace pillion::telemetry
