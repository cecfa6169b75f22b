#include <iostream>
#include <string>
#include <vector>

#include "cli/cli.hpp"

int main(int argc, char** argv) {
  // A program may be started without even its own name.
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return pillion::cli::main(args, std::cout, std::cerr);
}
