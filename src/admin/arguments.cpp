#include "admin/arguments.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "admin/status_json.hpp"
#include "dns/name.hpp"
#include "presentation/mnemonics.hpp"

namespace pillion::admin {
namespace json = boost::json;

namespace {

std::unexpected<std::string> wrong(std::string text) {
  return std::unexpected(std::move(text));
}

Read<json::object> read_object(std::string_view body) {
  boost::system::error_code error;
  auto value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error || !value.is_object()) return wrong("the body must be a JSON object");
  return std::move(value.as_object());
}

Read<std::string> read_text(const json::object& object, std::string_view key) {
  const auto* const value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return wrong(std::string(key) + " must be a string");
  return std::string(value->as_string().data(), value->as_string().size());
}

Read<dns::Buffer> read_name(std::string_view key, std::string_view text) {
  auto name = dns::parse_name(text);
  if (!name) return wrong(std::string(key) + ": " + name.error() + "; allowed: a domain name such as www.example.com");
  return std::move(*name);
}

}  // namespace

Read<void> check_parameters(const http::RequestTarget& target, std::initializer_list<std::string_view> known) {
  for (const auto& parameter : target.parameters) {
    if (std::ranges::find(known, parameter.name) == known.end()) {
      std::string allowed;
      for (const auto name : known) allowed.append(allowed.empty() ? "" : ", ").append(name);
      return wrong("unknown parameter; allowed: " + (allowed.empty() ? "none" : allowed));
    }
    if (std::ranges::count(target.parameters, parameter.name, &http::Parameter::name) > 1)
      return wrong(parameter.name + " is given twice");
  }
  return {};
}

Read<std::size_t> read_number(const http::RequestTarget& target, std::string_view name, std::size_t least,
                              std::size_t most, std::size_t otherwise) {
  const auto* const text = target.find(name);
  if (text == nullptr) return otherwise;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size() || number < least || number > most) {
    return wrong(std::string(name) + " must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

Read<bool> read_flag(const http::RequestTarget& target, std::string_view name) {
  const auto* const text = target.find(name);
  if (text == nullptr || *text == "false") return false;
  if (*text == "true") return true;
  return wrong(std::string(name) + " must be true or false");
}

Read<CacheQuestion> read_question(const http::RequestTarget& target) {
  if (auto checked = check_parameters(target, {"name", "type", "do", "cd"}); !checked) return wrong(checked.error());
  const auto* const text = target.find("name");
  if (text == nullptr) return wrong("name is missing; allowed: a domain name such as www.example.com");
  auto name = read_name("name", *text);
  if (!name) return wrong(name.error());
  const auto* const type_text = target.find("type");
  const auto type = type_text == nullptr ? std::optional(dns::type::a) : presentation::type_from_text(*type_text);
  if (!type) return wrong("type is not a record type; allowed: a type such as A, AAAA or TYPE65");
  const auto dnssec_ok = read_flag(target, "do");
  if (!dnssec_ok) return wrong(dnssec_ok.error());
  const auto checking_disabled = read_flag(target, "cd");
  if (!checking_disabled) return wrong(checking_disabled.error());
  return CacheQuestion{
      .name = std::move(*name), .type = *type, .dnssec_ok = *dnssec_ok, .checking_disabled = *checking_disabled};
}

Read<FlushOrder> read_flush(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return wrong(object.error());
  constexpr std::string_view allowed = R"(allowed: one of {"name": "…"}, {"zone": "…"} and {"all": true})";
  if (object->size() != 1)
    return wrong("the body must have one key, which says what to remove; " + std::string(allowed));
  const std::string_view key(object->begin()->key().data(), object->begin()->key().size());
  if (key == "all") {
    const auto* const all = object->if_contains("all")->if_bool();
    if (all == nullptr || !*all) return wrong("all must be true; " + std::string(allowed));
    return FlushOrder{.all = true};
  }
  if (key != "name" && key != "zone") return wrong("unknown key; " + std::string(allowed));
  const auto text = read_text(*object, key);
  if (!text) return wrong(text.error());
  auto name = read_name(key, *text);
  if (!name) return wrong(name.error());
  return FlushOrder{.name = std::move(*name), .with_beneath = key == "zone"};
}

Read<runtime::LogLevel> read_log_level(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return wrong(object.error());
  constexpr std::string_view allowed = "allowed: debug, info, warn or error";
  const auto text = read_text(*object, "level");
  if (!text || object->size() != 1)
    return wrong("the body must have the key level and no other; " + std::string(allowed));
  using enum runtime::LogLevel;
  for (const auto level : {debug, info, warn, error}) {
    if (*text == to_string(level)) return level;
  }
  return wrong(std::string(allowed));
}

}  // namespace pillion::admin
