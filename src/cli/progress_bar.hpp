#pragma once
// Shows the progress of a subcommand in the last line of a terminal.

#include <cstddef>
#include <iosfwd>
#include <string_view>

namespace pillion::cli {

class ProgressBar {
 public:
  /// Writes to `out`, or nothing unless `is_shown`.
  ProgressBar(std::ostream& out, bool is_shown) : out_(out), is_shown_(is_shown) {}
  /// Clears the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `part` (0 to 1) is done. `what` names the current step in a few words.
  void show(double part, std::string_view what);

 private:
  std::ostream& out_;
  bool is_shown_;
};

}  // namespace pillion::cli
