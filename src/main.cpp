#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "cli/cli.hpp"

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<std::size_t>(argc));
  pillion::cli::supervise_if_asked(words);
  // What TLS may do is said by our configuration alone, not by a file that OPENSSL_CONF names, or by Debian's. Only the
  // first call of OpenSSL can say so.
  if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) != 1) {
    std::cerr << "pillion: OpenSSL cannot be initialised\n";
    return EXIT_FAILURE;
  }
  // A program may be started without even its own name.
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return pillion::cli::main(args, std::cout, std::cerr);
}
