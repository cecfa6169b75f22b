#pragma once
// What became of the last reload, where `pillion reload` finds it: a file in memory, open in the running proxy and,
// since there it has a name, reachable by other processes of the same user through /proc/PID/fd. Behind this part of it
// lies app/listen_addresses.
//
// The file begins with a header of 40 bytes, which is always written at once; two texts of at most 64 KiB follow, of
// which reloads use one each in turns. So the text of a reload stays as it is until the one after the next has ended,
// and a reader that finds the same header before and after it has read a text has read a whole one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/unique_descriptor.hpp"

namespace pillion::app {

/// How many reloads there were, and how the last one that has ended did so.
struct ReloadReport {
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  bool succeeded = false;  ///< the one that finished last
  std::string text;        ///< what it said: lines
  friend bool operator==(const ReloadReport&, const ReloadReport&) = default;
};

/// The file as its holder writes it. One thread at a time.
class ReloadOutcome {
 public:
  /// Of the file in memory: /proc/PID/fd shows it as `/memfd:pillion-reload (deleted)`.
  static constexpr const char* file_name = "pillion-reload";
  static constexpr std::size_t max_text = std::size_t{64} << 10U;  ///< bytes
  static constexpr std::size_t size = 40 + 2 * max_text;           ///< bytes, from the file's start

  /// Makes the file, which no other program is given (close-on-exec). Whoever finds it sends SIGHUP: to be made once
  /// that is caught. Throws std::system_error.
  ReloadOutcome();
  /// Takes over a descriptor that was inherited, and the counts in its file. A reload that its writer before has not
  /// ended is ended as failed. Throws std::system_error, and std::runtime_error where it is another file.
  explicit ReloadOutcome(int inherited);
  ReloadOutcome(const ReloadOutcome&) = delete;
  ReloadOutcome& operator=(const ReloadOutcome&) = delete;

  /// For a child to inherit.
  [[nodiscard]] int descriptor() const { return file_.get(); }

  /// A reload begins: what is read from here on is what it is about. False if that could not be written, for lack of
  /// memory; whoever waits then waits in vain.
  bool begin();
  /// The reload that was begun has ended; longer text is cut. Without its text where that could not be written, and
  /// false if nothing could.
  bool end(bool succeeded, std::string_view text);

 private:
  bool write_header();

  runtime::UniqueDescriptor file_;
  ReloadReport state_;  // but for its text
  std::uint32_t length_ = 0;
};

/// Reads what the holder of the file has written. nullopt where it is another file, and where it was written to at each
/// look: then there is something to be read a moment later.
[[nodiscard]] std::optional<ReloadReport> read_reload_report(int descriptor);

}  // namespace pillion::app
