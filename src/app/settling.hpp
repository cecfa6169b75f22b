#pragma once
// When files that are being written are looked at, and when what is seen is told. Pure: a machine over a Schedule.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "runtime/schedule.hpp"

namespace pillion::app {

/// What the files hold, beside what they held at the last report.
enum class FilesSeen : std::uint8_t {
  same,
  changed,
  missing,  ///< at least one that could be read then cannot be read now
  unknown,  ///< nobody can say, since descriptors or memory are short
};

/// Whoever replaces a file does several things to it, and whoever replaces several files does them one after another:
/// they are looked at once that is over. What was taken back in the meantime is told to nobody.
class Settling final : runtime::Deadline {
 public:
  /// Files are looked at when nothing has happened to them for so long,
  static constexpr std::chrono::milliseconds quiet{200};
  /// and after so long in any case.
  static constexpr std::chrono::milliseconds longest{1'000};
  /// For so long a file may be away: editors, rsync and the kubelet make such gaps.
  static constexpr std::chrono::milliseconds gap{2'000};

  /// Where `look` says so, `report` is told of what it saw. All outlive this.
  Settling(runtime::Schedule& schedule, std::function<FilesSeen()> look, std::function<void()> report)
      : schedule_(schedule), look_(std::move(look)), report_(std::move(report)) {}
  ~Settling() override { stop(); }

  /// Something happened to a file.
  void stir();
  void stop();

 private:
  void expired(runtime::Time now) override;
  [[nodiscard]] bool may_come_back(runtime::Time now);

  runtime::Schedule& schedule_;
  std::function<FilesSeen()> look_;
  std::function<void()> report_;
  std::optional<runtime::Time> stirred_since_;  // the first event since the last look
  std::optional<runtime::Time> missing_since_;  // the look that missed a file first
};

}  // namespace pillion::app
