// Hit ratios on a Zipf trace: of the cache's eviction, of LRU, and of the optimum (Belady: remove the entry whose next
// use is the latest). Prints a table; exits 1 if LRU is better than the cache in a case.
//
//     cache_hit_ratio [--queries N] [--names N] [--seed N]

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <list>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/store.hpp"
#include "dns/message_builder.hpp"

namespace {

namespace cache = pillion::cache;
namespace dns = pillion::dns;

using Trace = std::vector<std::uint32_t>;

Trace zipf_trace(std::size_t queries, std::uint32_t names, double alpha, std::uint64_t seed) {
  std::vector<double> cumulative;
  cumulative.reserve(names);
  double sum = 0;
  for (std::uint32_t rank = 1; rank <= names; ++rank) cumulative.push_back(sum += std::pow(rank, -alpha));
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0, sum);
  Trace trace;
  trace.reserve(queries);
  while (trace.size() < queries) {
    const auto found = std::ranges::lower_bound(cumulative, uniform(random));
    trace.push_back(static_cast<std::uint32_t>(std::min<std::ptrdiff_t>(found - cumulative.begin(), names - 1)));
  }
  return trace;
}

struct Ours {
  double ratio = 0;
  std::size_t entries = 0;  // in the cache at the end
};

// All replies have the same size, so that the others can count entries.
Ours hit_ratio_of_store(const Trace& trace, std::size_t size, std::uint64_t seed) {
  cache::Settings settings;
  settings.size = size;
  cache::Store store(settings, seed);
  cache::Preparation prepared(seed);
  const pillion::runtime::Time now{};
  for (const auto rank : trace) {
    const auto digits = std::to_string(rank);
    const auto name = "name" + std::string(8 - digits.size(), '0') + digits + ".example.com";
    const auto reply = dns::testing::MessageBuilder(dns::flag::qr | dns::flag::rd | dns::flag::ra)
                           .question(name)
                           .record(dns::testing::Section::answer, dns::testing::pointer_to(dns::header_size),
                                   dns::type::a, {192, 0, 2, 1})
                           .bytes();
    const auto view = dns::MessageView::parse(reply).value();
    const auto& question = view.question();
    const cache::Key key = {.name = question.name, .type = question.type, .klass = question.klass};
    if (store.lookup(key, now).entry != nullptr) continue;
    if (!prepared.prepare(key, view, settings) || !store.insert(key, prepared, cache::Denial::tree, now)) std::abort();
  }
  return {.ratio = static_cast<double>(store.metrics().hits.value()) / static_cast<double>(trace.size()),
          .entries = static_cast<std::size_t>(store.metrics().entries.value())};
}

double hit_ratio_of_lru(const Trace& trace, std::size_t capacity) {
  std::list<std::uint32_t> order;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> held;
  std::size_t hits = 0;
  for (const auto name : trace) {
    if (const auto found = held.find(name); found != held.end()) {
      ++hits;
      order.splice(order.begin(), order, found->second);
      continue;
    }
    if (held.size() == capacity) {
      held.erase(order.back());
      order.pop_back();
    }
    order.push_front(name);
    held[name] = order.begin();
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

double hit_ratio_of_optimum(const Trace& trace, std::size_t capacity) {
  constexpr auto never = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> next(trace.size(), never);
  std::unordered_map<std::uint32_t, std::size_t> seen;
  for (auto i = trace.size(); i-- > 0;) {
    if (const auto found = seen.find(trace[i]); found != seen.end()) next[i] = found->second;
    seen[trace[i]] = i;
  }
  std::multimap<std::size_t, std::uint32_t> by_next_use;
  std::unordered_map<std::uint32_t, std::multimap<std::size_t, std::uint32_t>::iterator> held;
  std::size_t hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (const auto found = held.find(trace[i]); found != held.end()) {
      ++hits;
      by_next_use.erase(found->second);
      found->second = by_next_use.emplace(next[i], trace[i]);
      continue;
    }
    if (next[i] == never) continue;
    if (held.size() == capacity) {
      const auto last = std::prev(by_next_use.end());
      if (last->first <= next[i]) continue;
      held.erase(last->second);
      by_next_use.erase(last);
    }
    held[trace[i]] = by_next_use.emplace(next[i], trace[i]);
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::uint64_t> options = {{"--queries", 1'000'000}, {"--names", 100'000}, {"--seed", 1}};
  for (int i = 1; i < argc; i += 2) {
    const auto option = options.find(argv[i]);
    if (option == options.end() || i + 1 == argc) {
      std::fprintf(stderr, "usage: %s [--queries N] [--names N] [--seed N]\n", argv[0]);
      return 2;
    }
    option->second = std::strtoull(argv[i + 1], nullptr, 10);
  }
  const auto names = static_cast<std::uint32_t>(options["--names"]);
  const auto seed = options["--seed"];
  std::printf("%5s %10s %8s %8s %8s %8s\n", "alpha", "bytes", "entries", "ours", "LRU", "optimum");
  bool better = true;
  for (const auto alpha : {0.9, 1.0}) {
    const auto trace = zipf_trace(options["--queries"], names, alpha, seed);
    // Sizes for about a fiftieth, a tenth and a third of the names.
    for (const auto bytes_per_name : {2, 10, 33}) {
      const auto size = std::max(cache::min_size, std::size_t{names} * static_cast<std::size_t>(bytes_per_name));
      const auto ours = hit_ratio_of_store(trace, size, seed);
      const auto lru = hit_ratio_of_lru(trace, ours.entries);
      const auto optimum = hit_ratio_of_optimum(trace, ours.entries);
      std::printf("%5.1f %10zu %8zu %7.2f%% %7.2f%% %7.2f%%\n", alpha, size, ours.entries, 100 * ours.ratio, 100 * lru,
                  100 * optimum);
      better = better && ours.ratio > lru;
    }
  }
  return better ? 0 : 1;
}
