#pragma once

#include <string>
#include <vector>

#include <prometheus/metric_family.h>

namespace pillion::telemetry {

/// The families in the text exposition format, version 0.0.4, byte for byte as prometheus::TextSerializer writes
/// counters, gauges and histograms (tests/telemetry/exposition_test.cpp). The serializer is the only part that we need
/// of prometheus-cpp's library. Debian has no static one, and with the shared one the image would also need the shared
/// C++ library, libm and libgcc.
[[nodiscard]] std::string exposition_text(const std::vector<prometheus::MetricFamily>& families);

}  // namespace pillion::telemetry
