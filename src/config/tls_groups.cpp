#include "config/tls_groups.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "config/scalar.hpp"

namespace pillion::config {
namespace {

/// The first OpenSSL version in which a list of groups can choose the key shares, and which has ML-KEM.
constexpr unsigned long with_key_shares = 0x30500000UL;

bool equals_ignoring_case(char a, char b) {
  return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b));
}

/// True if OpenSSL accepts this list of groups: it knows each of them, and none occurs twice.
bool openssl_takes(std::span<const std::string> groups) {
  struct FreeSslContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  const std::unique_ptr<SSL_CTX, FreeSslContext> context(SSL_CTX_new(TLS_client_method()));
  const bool taken = context && SSL_CTX_set1_groups_list(context.get(), to_openssl_list(groups).c_str()) == 1;
  ERR_clear_error();
  return taken;
}

}  // namespace

bool is_post_quantum(std::string_view group) {
  return !std::ranges::search(group, std::string_view("MLKEM"), equals_ignoring_case).empty();
}

std::string check_tls_group(const std::string& group, std::span<const std::string> before) {
  const auto is_given = [&](const std::string& other) {
    return std::ranges::equal(group, other, equals_ignoring_case);
  };
  if (std::ranges::any_of(before, is_given)) return in_quotes(group) + " is given twice";
  // In OpenSSL 3.5 the word DEFAULT and signs such as `*`, `?` and `-` before a name have a special meaning.
  const auto is_of_a_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  };
  const bool is_name = !group.empty() && std::isalnum(static_cast<unsigned char>(group.front())) != 0 &&
                       std::ranges::all_of(group, is_of_a_name) &&
                       !std::ranges::equal(group, std::string_view("DEFAULT"), equals_ignoring_case);
  const std::array alone{group};
  if (!is_name || !openssl_takes(alone)) {
    return in_quotes(group) + " is not a group that OpenSSL " + OpenSSL_version(OPENSSL_VERSION_STRING) + " has";
  }
  std::vector<std::string> all(before.begin(), before.end());
  all.push_back(group);
  if (!openssl_takes(all)) return in_quotes(group) + " is another name of a group that is already in the list";
  return {};
}

std::vector<std::string> default_tls_groups() {
  std::vector<std::string> groups{"X25519", "P-256", "P-384", "P-521"};
  const std::array hybrid{std::string("X25519MLKEM768")};
  if (openssl_takes(hybrid)) groups.insert(groups.begin(), hybrid.front());
  return groups;
}

std::string to_openssl_list(std::span<const std::string> groups) {
  const bool may_say_shares = OpenSSL_version_num() >= with_key_shares;
  const bool says_shares = may_say_shares && !groups.empty() && is_post_quantum(groups.front());
  const auto first_other = std::ranges::find_if_not(groups, is_post_quantum);
  std::string list;
  for (auto group = groups.begin(); group != groups.end(); ++group) {
    if (!list.empty()) list += ':';
    if (says_shares && (group == groups.begin() || group == first_other)) list += '*';
    list += *group;
  }
  return list;
}

}  // namespace pillion::config
