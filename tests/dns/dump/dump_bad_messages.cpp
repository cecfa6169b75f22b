// Prints the table of bad messages, one a line: name, bytes in hex ("-" where there are none), the reason expected.

#include <cstdio>

#include "dns/bad_messages.hpp"

int main() {
  for (const auto& message : pillion::dns::testing::bad_messages()) {
    std::printf("%s ", message.name.c_str());
    if (message.bytes.empty()) std::putchar('-');
    for (const auto byte : message.bytes) std::printf("%02x", byte);
    const auto reason = pillion::dns::to_string(message.reason);
    std::printf(" %.*s\n", static_cast<int>(reason.size()), reason.data());
  }
}
