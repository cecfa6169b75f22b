#pragma once
// How far a subcommand is, in the last line of a terminal.

#include <cstddef>
#include <iosfwd>
#include <string_view>

namespace pillion::cli {

class ProgressBar {
 public:
  /// Writes to `out`, or nothing where it is not shown.
  ProgressBar(std::ostream& out, bool is_shown) : out_(out), is_shown_(is_shown) {}
  /// Wipes the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `part` (0 to 1) of all is done. `what` in few words.
  void show(double part, std::string_view what);

 private:
  std::ostream& out_;
  bool is_shown_;
};

}  // namespace pillion::cli
