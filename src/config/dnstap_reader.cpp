#include "config/dnstap_reader.hpp"

#include <string>

#include "config/scalar.hpp"
#include "config/sink_address.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t max_identity = 255;

std::string check_dnstap_output(const std::string& written) {
  return written.empty() ? "" : check_sink_address(written, {SinkKind::unix_socket, SinkKind::tcp});
}

std::string check_identity(const std::string& identity) {
  return identity.size() > max_identity ? in_quotes(identity) + " is too long" : "";
}

}  // namespace

void read_dnstap(const Section& top, DnstapSettings& settings) {
  const auto* const entry = top.find("dnstap");
  if (entry == nullptr) return;
  const Section section(*entry, "dnstap", "dnstap", top.faults());
  section.read("output", settings.output, check_dnstap_output);
  section.read("client", settings.client);
  section.read("forwarder", settings.forwarder);
  section.read("identity", settings.identity, check_identity);
}

}  // namespace pillion::config
