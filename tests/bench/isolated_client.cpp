// isolated_client: sends one query at a time over one TCP connection, and prints how long each took. dnsperf is no
// alternative: with one query outstanding it waits for its own timers at times.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "dns/wire.hpp"
#include "support/dns_client.hpp"
#include "support/sockets.hpp"

namespace pillion::test {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr std::chrono::seconds patience{5};

struct Options {
  std::string address;
  std::uint16_t port = 0;
  std::string names;
  std::chrono::seconds length{};
};

struct Result {
  std::uint64_t sent = 0;
  std::map<unsigned, std::uint64_t> rcodes;
  std::vector<double> latencies;  ///< in microseconds
  Microseconds length{};
};

Result ask_all(const Options& options) {
  std::ifstream names(options.names);
  StreamClient client(options.address, options.port);
  Result result;
  const auto began = Clock::now();
  std::string name;
  std::string type;
  while (Clock::now() - began < options.length && names >> name >> type) {
    const auto id = static_cast<std::uint16_t>(++result.sent);
    const auto query = framed(make_query(name, dns::type::a, {.id = id}));
    const auto asked = Clock::now();
    if (!client.send(query)) break;
    const auto answer = client.receive(patience);
    if (!answer || answer->size() < dns::header_size || id_of(*answer) != id) break;
    result.latencies.push_back(Microseconds(Clock::now() - asked).count());
    ++result.rcodes[rcode_of(*answer)];
  }
  result.length = Clock::now() - began;
  return result;
}

double percentile(const std::vector<double>& sorted, std::size_t percent) {
  return sorted[std::min(sorted.size() - 1, sorted.size() * percent / 100)];
}

void print(Result result) {
  if (result.latencies.empty()) throw std::runtime_error("no answer came");
  auto& latencies = result.latencies;
  std::ranges::sort(latencies);
  double sum = 0;
  for (const auto latency : latencies) sum += latency;
  const auto completed = latencies.size();
  std::cout << "{\"sent\": " << result.sent << ", \"completed\": " << completed
            << ", \"lost\": " << result.sent - completed << ", \"noerror\": " << result.rcodes[dns::rcode::noerror]
            << ", \"servfail\": " << result.rcodes[dns::rcode::servfail]
            << ", \"queries_per_second\": " << static_cast<double>(completed) / result.length.count() * 1e6
            << ", \"mean_latency_ms\": " << sum / static_cast<double>(completed) / 1000
            << ", \"p50_latency_us\": " << percentile(latencies, 50)
            << ", \"p99_latency_us\": " << percentile(latencies, 99) << "}\n";
}

Options read_options(const std::vector<std::string>& arguments) {
  if (arguments.size() != 4) throw std::invalid_argument("usage: isolated_client ADDRESS PORT NAMES SECONDS");
  return {.address = arguments[0],
          .port = static_cast<std::uint16_t>(std::stoul(arguments[1])),
          .names = arguments[2],
          .length = std::chrono::seconds(std::stoul(arguments[3]))};
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  try {
    pillion::test::print(pillion::test::ask_all(pillion::test::read_options({argv + 1, argv + argc})));
  } catch (const std::exception& error) {
    std::cerr << "isolated_client: " << error.what() << '\n';
    return 1;
  }
}
