#pragma once
// The outcome of the last reload, for `pillion reload`. It is in a memory file that the running proxy holds open.
// Other processes of the same user find it by its name in /proc/PID/fd. The part after it belongs to
// app/listen_addresses.
//
// The file begins with a header of 40 bytes, which is always written at once. Two texts of at most 64 KiB follow,
// which reloads use alternately. So the text of a reload stays until the next but one has ended, and a reader that
// finds the same header before and after a text has read a complete one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/unique_descriptor.hpp"

namespace pillion::app {

/// The number of reloads, and the outcome of the last one that has ended.
struct ReloadReport {
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  bool succeeded = false;  ///< True if the last reload that has ended succeeded
  std::string text;        ///< the messages of that reload, in lines
  friend bool operator==(const ReloadReport&, const ReloadReport&) = default;
};

/// The file for its writer. Only one thread may use it at a time.
class ReloadOutcome {
 public:
  /// The name of the memory file, which /proc/PID/fd shows as `/memfd:pillion-reload (deleted)`.
  static constexpr const char* file_name = "pillion-reload";
  static constexpr std::size_t max_text = std::size_t{64} << 10U;  ///< bytes
  static constexpr std::size_t size = 40 + 2 * max_text;           ///< bytes, from the file's start

  /// Makes the file. It is close-on-exec, so that other programs do not inherit it. A process that finds the file may
  /// send SIGHUP, so that it must only be made once that signal is handled. Throws std::system_error.
  ReloadOutcome();
  /// Takes ownership of an inherited descriptor and continues with the counts in its file. Ends a reload that the
  /// previous writer has not ended as failed. Throws std::system_error, and std::runtime_error if it is another file.
  explicit ReloadOutcome(int inherited);
  ReloadOutcome(const ReloadOutcome&) = delete;
  ReloadOutcome& operator=(const ReloadOutcome&) = delete;

  /// The descriptor, for a child to inherit.
  [[nodiscard]] int descriptor() const { return file_.get(); }

  /// A reload begins, which covers everything that is read from now on. False if there was no memory to write this;
  /// whoever waits for the reload then waits in vain.
  bool begin();
  /// Ends the reload. A longer text is cut. If there is no memory for the text, it is left out. False if nothing could
  /// be written.
  bool end(bool succeeded, std::string_view text);

 private:
  bool write_header();

  runtime::UniqueDescriptor file_;
  ReloadReport state_;  // without its text
  std::uint32_t length_ = 0;
};

/// Reads what the writer has written. nullopt if it is another file, or if it was being written at each attempt;
/// another attempt a moment later will succeed.
[[nodiscard]] std::optional<ReloadReport> read_reload_report(int descriptor);

}  // namespace pillion::app
