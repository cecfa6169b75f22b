#include "config/syslog_reader.hpp"

#include <string>

#include "config/scalar.hpp"
#include "config/sink_address.hpp"
#include "config/tls_files.hpp"

namespace pillion::config {
namespace {

std::string check_syslog_output(const std::string& written) {
  return written.empty() ? "" : check_sink_address(written, {SinkKind::udp, SinkKind::tcp, SinkKind::tls});
}

std::string check_ca_file(const std::string& path) {
  const auto certificates = read_ca_file(path);
  return certificates ? "" : certificates.error();
}

}  // namespace

void read_syslog(const Section& top, SyslogSettings& settings) {
  const auto* const entry = top.find("syslog");
  if (entry == nullptr) return;
  const Section section(*entry, "syslog", "syslog", top.faults());
  section.read("output", settings.output, check_syslog_output);
  section.read("ca_file", settings.ca_file, check_ca_file);
}

}  // namespace pillion::config
