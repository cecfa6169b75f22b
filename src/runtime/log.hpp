#pragma once
// The logging interface of the rooms: a message and named fields. The App owns the implementation (telemetry's Logger)
// and passes it down by reference.

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <variant>

namespace pillion::runtime {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// A field's value. Text is viewed, not copied: it must live until the logging call returns. It may contain any bytes.
class FieldValue {
 public:
  using Variant = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  template <typename Text>
    requires std::convertible_to<const Text&, std::string_view>
  FieldValue(const Text& text) : value_(std::string_view(text)) {}
  template <std::signed_integral Integer>
  FieldValue(Integer number) : value_(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral Integer>
    requires(!std::same_as<Integer, bool>)
  FieldValue(Integer number) : value_(static_cast<std::uint64_t>(number)) {}
  FieldValue(double number) : value_(number) {}
  FieldValue(std::same_as<bool> auto flag) : value_(flag) {}

  [[nodiscard]] const Variant& variant() const { return value_; }

 private:
  Variant value_;
};

/// Keys are short, consist of lower-case letters, digits and underscores, and are constants of the program, never data
/// from the network.
struct Field {
  std::string_view key;
  FieldValue value;
};

/// `log.info("upstream connected", {{"upstream", name}, {"server", server}, {"ms", 12}})`. Any thread may log. A call
/// never blocks on the output.
class Log {
 public:
  explicit Log(LogLevel level) : level_(level) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  virtual ~Log() = default;

  /// True if a line of this level is written. Callers test this before they compute expensive fields.
  [[nodiscard]] bool enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  [[nodiscard]] LogLevel level() const { return level_.load(std::memory_order_relaxed); }
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(LogLevel::info, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(LogLevel::warn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(LogLevel::error, message, fields);
  }
  void log(LogLevel level, std::string_view message, std::span<const Field> fields) {
    if (enabled(level)) write(level, message, fields);
  }
  void log(LogLevel level, std::string_view message, std::initializer_list<Field> fields) {
    log(level, message, std::span(fields.begin(), fields.size()));
  }

 private:
  /// Called for enabled levels only, from any thread. Must not block on the output, and must not throw because of what
  /// the fields hold.
  virtual void write(LogLevel level, std::string_view message, std::span<const Field> fields) = 0;

  std::atomic<LogLevel> level_;
};

}  // namespace pillion::runtime
