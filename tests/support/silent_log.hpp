#pragma once
// A log that discards its lines.

#include <span>
#include <string_view>

#include "runtime/log.hpp"

namespace pillion::testing {

class SilentLog final : public runtime::Log {
 public:
  SilentLog() : Log(runtime::LogLevel::error) {}

 private:
  void write(runtime::LogLevel /*level*/, std::string_view /*message*/,
             std::span<const runtime::Field> /*fields*/) override {}
};

}  // namespace pillion::testing
