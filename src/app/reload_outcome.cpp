#include "app/reload_outcome.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <type_traits>

namespace pillion::app {
namespace {

/// The last digit is the version of the layout.
constexpr std::uint64_t outcome_format = 0x50696c6c696f6e01;  // "Pillion", 1

/// The header in the file, in this machine's byte order.
struct OutcomeHeader {
  std::uint64_t format = outcome_format;
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint32_t succeeded = 0;
  std::uint32_t length = 0;  ///< bytes of the text
  std::uint64_t reserved = 0;
  friend bool operator==(const OutcomeHeader&, const OutcomeHeader&) = default;
};
static_assert(sizeof(OutcomeHeader) + 2 * ReloadOutcome::max_text == ReloadOutcome::size &&
              std::has_unique_object_representations_v<OutcomeHeader>);

off_t report_offset(std::uint64_t reload) {
  return static_cast<off_t>(sizeof(OutcomeHeader) + (reload % 2) * ReloadOutcome::max_text);
}

bool write_all(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  return ::pwrite(descriptor, bytes, size, offset) == static_cast<ssize_t>(size);
}

bool read_all(int descriptor, void* bytes, std::size_t size, off_t offset) {
  return ::pread(descriptor, bytes, size, offset) == static_cast<ssize_t>(size);
}

std::optional<OutcomeHeader> read_outcome(int descriptor) {
  OutcomeHeader header;
  if (!read_all(descriptor, &header, sizeof header, 0)) return std::nullopt;
  const bool valid = header.format == outcome_format && header.finished <= header.started && header.succeeded <= 1 &&
                     header.length <= ReloadOutcome::max_text;
  return valid ? std::optional(header) : std::nullopt;
}

}  // namespace

ReloadOutcome::ReloadOutcome() : file_(::memfd_create(file_name, MFD_CLOEXEC)) {
  if (!file_.is_open() || !write_header()) throw std::system_error(errno, std::generic_category(), file_name);
}

ReloadOutcome::ReloadOutcome(int inherited) : file_(inherited) {
  const auto header = read_outcome(inherited);
  if (!header) throw std::runtime_error("descriptor " + std::to_string(inherited) + " is not " + file_name);
  state_.started = header->started;
  state_.finished = header->finished;
  state_.succeeded = header->succeeded != 0;
  length_ = header->length;
  if (state_.started != state_.finished && !end(false, "the process ended while it read the configuration\n"))
    throw std::system_error(errno, std::generic_category(), file_name);
}

bool ReloadOutcome::begin() {
  ++state_.started;
  return write_header();
}

bool ReloadOutcome::end(bool succeeded, std::string_view text) {
  text = text.substr(0, max_text);
  const bool has_text = write_all(file_.get(), text.data(), text.size(), report_offset(state_.started));
  state_.finished = state_.started;
  state_.succeeded = succeeded;
  length_ = has_text ? static_cast<std::uint32_t>(text.size()) : 0;
  return write_header();
}

bool ReloadOutcome::write_header() {
  const OutcomeHeader header{.started = state_.started,
                             .finished = state_.finished,
                             .succeeded = state_.succeeded ? 1U : 0U,
                             .length = length_};
  return write_all(file_.get(), &header, sizeof header, 0);
}

std::optional<ReloadReport> read_reload_report(int descriptor) {
  constexpr int looks = 100;
  for (int look = 0; look < looks; ++look) {
    const auto header = read_outcome(descriptor);
    if (!header) continue;
    ReloadReport report{.started = header->started,
                        .finished = header->finished,
                        .succeeded = header->succeeded != 0,
                        .text = std::string(header->length, '\0')};
    const bool has_text = read_all(descriptor, report.text.data(), report.text.size(), report_offset(header->finished));
    if (has_text && read_outcome(descriptor) == header) return report;
  }
  return std::nullopt;
}

}  // namespace pillion::app
