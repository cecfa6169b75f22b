#include "cli/version_command.hpp"

#include <ostream>
#include <string>

#include <CLI/Version.hpp>
#include <boost/version.hpp>
#include <openssl/crypto.h>
#include <spdlog/version.h>

#include "cli/exit_code.hpp"
#include "runtime/build_info.hpp"

namespace pillion::cli {
namespace {

std::string boost_version() {
  return std::to_string(BOOST_VERSION / 100'000) + "." + std::to_string(BOOST_VERSION / 100 % 1'000) + "." +
         std::to_string(BOOST_VERSION % 100);
}

std::string spdlog_version() {
  return std::to_string(SPDLOG_VER_MAJOR) + "." + std::to_string(SPDLOG_VER_MINOR) + "." +
         std::to_string(SPDLOG_VER_PATCH);
}

std::string compiler() {
#ifdef __clang__
  return "Clang " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__) + "." +
         std::to_string(__clang_patchlevel__);
#else
  return "GCC " __VERSION__;
#endif
}

}  // namespace

VersionCommand::VersionCommand(CLI::App& app)
    : command_(*app.add_subcommand("version", "Print the versions of the program and its libraries")) {
  command_.footer(
      "Example:\n"
      "  pillion version");
}

int VersionCommand::run(std::ostream& out) const {
  namespace build_info = runtime::build_info;
  out << "pillion        " << build_info::version() << '\n'
      << "commit         " << build_info::commit() << '\n'
      << "Boost          " << boost_version()
      << '\n'
      // The version of the loaded library, which may be newer than the headers.
      << "OpenSSL        " << OpenSSL_version(OPENSSL_VERSION_STRING) << '\n'
      << "yaml-cpp       " << build_info::yaml_cpp_version() << '\n'
      << "prometheus-cpp " << build_info::prometheus_cpp_version() << '\n'
      << "spdlog         " << spdlog_version() << '\n'
      << "CLI11          " << CLI11_VERSION << '\n'
      << "compiler       " << compiler() << '\n';
  return exit_code::clean;
}

}  // namespace pillion::cli
