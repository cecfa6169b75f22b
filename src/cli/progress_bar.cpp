#include "cli/progress_bar.hpp"

#include <algorithm>
#include <ostream>

#include <spdlog/fmt/fmt.h>

namespace pillion::cli {
namespace {

constexpr std::string_view wiped = "\r\x1b[K";

}  // namespace

ProgressBar::~ProgressBar() {
  if (is_shown_) out_ << wiped << std::flush;
}

void ProgressBar::show(double part, std::string_view what) {
  if (!is_shown_) return;
  constexpr std::size_t bar_width = 20, text_width = 50;
  const auto done = static_cast<std::size_t>(std::clamp(part, 0.0, 1.0) * bar_width);
  out_ << fmt::format("{}[{:#<{}}{:.<{}}] {}", wiped, "", done, "", bar_width - done, what.substr(0, text_width))
       << std::flush;
}

}  // namespace pillion::cli
