#pragma once
// Reads the parameters of a request's query and the object in its body. Each error says what is wrong and what would be
// right.

#include <cstddef>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>

#include "admin/cache_view.hpp"
#include "http/request.hpp"
#include "runtime/log.hpp"

namespace pillion::admin {

/// A value, or the error to send to the client.
template <typename Value>
using Read = std::expected<Value, std::string>;

/// An error if a parameter is not in `known` or is given twice.
[[nodiscard]] Read<void> check_parameters(const http::RequestTarget& target,
                                          std::initializer_list<std::string_view> known);
/// A decimal number from `least` to `most`; `otherwise` if the parameter is missing.
[[nodiscard]] Read<std::size_t> read_number(const http::RequestTarget& target, std::string_view name, std::size_t least,
                                            std::size_t most, std::size_t otherwise);
/// true or false; false if the parameter is missing.
[[nodiscard]] Read<bool> read_flag(const http::RequestTarget& target, std::string_view name);
/// Reads `name` and the optional `type` (else A), `do` and `cd` (else false). Other parameters are errors.
[[nodiscard]] Read<CacheQuestion> read_question(const http::RequestTarget& target);

/// Reads a JSON object with exactly one of the keys `name`, `zone` and `all`.
[[nodiscard]] Read<FlushOrder> read_flush(std::string_view body);
/// Reads a JSON object with the key `level` alone.
[[nodiscard]] Read<runtime::LogLevel> read_log_level(std::string_view body);

}  // namespace pillion::admin
