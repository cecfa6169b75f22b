#pragma once

#include <string>
#include <vector>

#include <prometheus/metric_family.h>

namespace pillion::telemetry {

/// The families in the text exposition format, version 0.0.4, byte for byte as prometheus::TextSerializer writes
/// counters, gauges and histograms (tests/telemetry/exposition_test.cpp). It is all of prometheus-cpp that is not in
/// its headers, of which Debian has no static library; with it the image would also need the C++ library, libm and
/// libgcc as shared ones.
[[nodiscard]] std::string exposition_text(const std::vector<prometheus::MetricFamily>& families);

}  // namespace pillion::telemetry
