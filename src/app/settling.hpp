#pragma once
// Decides when to check files that are being written, and when to report what was seen. Pure: a machine over a
// Schedule.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "runtime/schedule.hpp"

namespace pillion::app {

/// The content of the files, compared with the last report.
enum class FilesSeen : std::uint8_t {
  same,
  changed,
  missing,  ///< at least one file that was readable cannot be read now
  unknown,  ///< unknown, for lack of descriptors or memory
};

/// Replacing a file takes several steps, and several files are replaced one after another. So the files are checked
/// once the changes are over. A change that was undone meanwhile is not reported.
class Settling final : runtime::Deadline {
 public:
  /// The files are checked once nothing has happened to them for this long.
  static constexpr std::chrono::milliseconds quiet{200};
  /// They are checked this long after the first event, even if events still come.
  static constexpr std::chrono::milliseconds longest{1'000};
  /// A file may be missing for this long, since editors, rsync and the kubelet cause such gaps.
  static constexpr std::chrono::milliseconds gap{2'000};

  /// `look` checks the files, and `report` is called if they have changed. Everything must outlive this.
  Settling(runtime::Schedule& schedule, std::function<FilesSeen()> look, std::function<void()> report)
      : schedule_(schedule), look_(std::move(look)), report_(std::move(report)) {}
  ~Settling() override { stop(); }

  /// Something has happened to a file.
  void stir();
  void stop();

 private:
  void expired(runtime::Time now) override;
  [[nodiscard]] bool may_come_back(runtime::Time now);

  runtime::Schedule& schedule_;
  std::function<FilesSeen()> look_;
  std::function<void()> report_;
  std::optional<runtime::Time> stirred_since_;  // the first event since the last check
  std::optional<runtime::Time> missing_since_;  // the check that first found a file missing
};

}  // namespace pillion::app
