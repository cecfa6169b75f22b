#pragma once
// Small parts of the API's JSON.

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

/// RFC 3339 in UTC, to the millisecond.
[[nodiscard]] std::string to_rfc3339(WallTime time);

/// The moment that both clocks are read at, to turn times of one into times of the other.
class Moment {
 public:
  Moment() : now_(runtime::Clock::now()), wall_(std::chrono::system_clock::now()) {}

  [[nodiscard]] runtime::Time now() const { return now_; }
  [[nodiscard]] WallTime wall() const { return wall_; }
  [[nodiscard]] std::string text() const { return to_rfc3339(wall_); }
  [[nodiscard]] std::string text(runtime::Time time) const {
    return to_rfc3339(wall_ + std::chrono::duration_cast<WallTime::duration>(time - now_));
  }
  /// Whole days, rounded down, until then; negative where it has passed.
  [[nodiscard]] std::int64_t days_until(WallTime time) const {
    return std::chrono::floor<std::chrono::days>(time - wall_).count();
  }

 private:
  runtime::Time now_;
  WallTime wall_;
};

[[nodiscard]] inline double seconds(runtime::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

template <typename Number>
[[nodiscard]] boost::json::value or_null(const std::optional<Number>& number) {
  return number ? boost::json::value(*number) : boost::json::value(nullptr);
}
[[nodiscard]] inline boost::json::value or_null(const std::optional<runtime::Duration>& duration) {
  return duration ? boost::json::value(seconds(*duration)) : boost::json::value(nullptr);
}
[[nodiscard]] boost::json::value or_null(std::string_view text);  ///< null where it is empty

[[nodiscard]] inline std::string_view view(const boost::json::string& text) {
  return {text.data(), text.size()};
}

/// Counts under their labels, those that are 0 left out.
[[nodiscard]] boost::json::object nonzero(std::span<const std::string_view> labels,
                                          std::span<const std::uint64_t> counts);
/// Counts under the words of the sources of answers.
[[nodiscard]] boost::json::object by_source(const BySource& counts);

/// 200 with this as its body.
[[nodiscard]] http::HttpResponse json_response(const boost::json::value& value,
                                               boost::beast::http::status status = boost::beast::http::status::ok);
/// RFC 9457.
[[nodiscard]] http::HttpResponse problem_response(boost::beast::http::status status, std::string_view detail);

}  // namespace pillion::admin
