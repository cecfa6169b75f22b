#pragma once
// What a request asks for: the parameters of its query, and the object that is its body. Everything that is wrong is
// said, with what would be right.

#include <cstddef>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>

#include "admin/cache_view.hpp"
#include "http/request.hpp"
#include "runtime/log.hpp"

namespace pillion::admin {

/// The error is what to tell whoever asked.
template <typename Value>
using Read = std::expected<Value, std::string>;

/// Fails for a parameter that is not among `known`, or given twice.
[[nodiscard]] Read<void> check_parameters(const http::RequestTarget& target,
                                          std::initializer_list<std::string_view> known);
/// `least` to `most`, or `otherwise` where it is not given.
[[nodiscard]] Read<std::size_t> read_number(const http::RequestTarget& target, std::string_view name, std::size_t least,
                                            std::size_t most, std::size_t otherwise);
/// true or false; false where it is not given.
[[nodiscard]] Read<bool> read_flag(const http::RequestTarget& target, std::string_view name);
/// `name`, and `type`, `do` and `cd` where they are given.
[[nodiscard]] Read<CacheQuestion> read_question(const http::RequestTarget& target);

/// Exactly one of `name`, `zone` and `all`.
[[nodiscard]] Read<FlushOrder> read_flush(std::string_view body);
/// `level`.
[[nodiscard]] Read<runtime::LogLevel> read_log_level(std::string_view body);

}  // namespace pillion::admin
