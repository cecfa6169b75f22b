// Prints the table of bad messages, one on each line: name, bytes in hex ("-" if there are none), the expected reason.

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
