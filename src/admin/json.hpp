#pragma once
// Common parts of the API's JSON.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/beast/http/status.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "admin/figures.hpp"
#include "http/request.hpp"
#include "runtime/clock.hpp"

namespace pillion::admin {

using WallTime = std::chrono::system_clock::time_point;

/// The time in UTC with milliseconds, as RFC 3339 writes it.
[[nodiscard]] std::string to_rfc3339(WallTime time);

/// One moment on both clocks, which converts times of one clock into times of the other.
class Moment {
 public:
  Moment() : Moment(runtime::Clock::now(), std::chrono::system_clock::now()) {}
  Moment(runtime::Time now, WallTime wall) : now_(now), wall_(wall) {}

  [[nodiscard]] runtime::Time now() const { return now_; }
  [[nodiscard]] std::string text() const { return to_rfc3339(wall_); }
  [[nodiscard]] std::string text(runtime::Time time) const {
    return to_rfc3339(wall_ + std::chrono::duration_cast<WallTime::duration>(time - now_));
  }
  /// Whole days until `time`, rounded down; negative if it has passed.
  [[nodiscard]] std::int64_t days_until(WallTime time) const {
    return std::chrono::floor<std::chrono::days>(time - wall_).count();
  }

 private:
  runtime::Time now_;
  WallTime wall_;
};

/// Seconds with their fraction.
[[nodiscard]] inline double seconds(runtime::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// The number, or null if there is none.
template <typename Number>
[[nodiscard]] boost::json::value or_null(const std::optional<Number>& number) {
  return number ? boost::json::value(*number) : boost::json::value(nullptr);
}
/// The duration in seconds, or null if there is none.
[[nodiscard]] inline boost::json::value or_null(const std::optional<runtime::Duration>& duration) {
  return duration ? boost::json::value(seconds(*duration)) : boost::json::value(nullptr);
}
/// The text, or null if it is empty.
[[nodiscard]] boost::json::value or_null(std::string_view text);

/// Valid until `text` changes.
[[nodiscard]] inline std::string_view view(const boost::json::string& text) {
  return {text.data(), text.size()};
}

/// The counts that are not 0, under their labels. `labels` has at most as many elements as `counts`.
[[nodiscard]] boost::json::object nonzero(std::span<const std::string_view> labels,
                                          std::span<const std::uint64_t> counts);
/// The counts under the labels of the answers' sources.
[[nodiscard]] boost::json::object by_source(const BySource& counts);

/// A response with this value as its body.
[[nodiscard]] http::HttpResponse json_response(const boost::json::value& value,
                                               boost::beast::http::status status = boost::beast::http::status::ok);
/// An error response (RFC 9457 section 3). `detail` says what is wrong, and what would be right.
[[nodiscard]] http::HttpResponse problem_response(boost::beast::http::status status, std::string_view detail);

}  // namespace pillion::admin
