#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "cli/cli.hpp"

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<std::size_t>(argc));
  pillion::cli::supervise_if_asked(words);
  // A program may be started without even its own name.
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return pillion::cli::main(args, std::cout, std::cerr);
}
