// The search walk against libc's. Each name has one outcome. Pillion's answer to a query is that of the name itself, or
// the one that libc's own walk from there would find. Pillion asks for no name that libc would not ask for, and no
// record lives longer than a denial on the way. The input's first bytes choose the outcomes, the rest the clients and
// their queries.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dns/message_builder.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/input.hpp"
#include "resolve/resolver.hpp"
#include "support/silent_log.hpp"

namespace pillion::fuzz {
namespace {

using dns::Buffer;
using dns::Bytes;
using dns::testing::MessageBuilder;
using dns::testing::name_of;
using dns::testing::pointer_to;
using dns::testing::Section;

enum class Outcome : std::uint8_t { missing, no_data, address, failure };

/// All names: one outcome for each name and type, by a seed.
class World {
 public:
  World(std::uint64_t seed, const resolve::SearchList& list) : seed_(seed), list_(list) {}

  [[nodiscard]] Outcome of(const Buffer& name, std::uint16_t type) const {
    // tests/resolve/search_list_test.cpp tests names of this form.
    if (!list_.may_exist(name)) return Outcome::missing;
    const auto drawn = dns::hash_name(name, seed_);
    if (drawn % 16 == 0) return Outcome::failure;
    if (drawn % 16 < 9) return Outcome::missing;
    const bool has_type = (drawn >> 8U & (type == dns::type::a ? 1U : 2U)) != 0;
    return has_type ? Outcome::address : Outcome::no_data;
  }
  [[nodiscard]] std::uint32_t ttl_of(const Buffer& name) const {
    return 1 + static_cast<std::uint32_t>(dns::hash_name(name, seed_ + 1) % 40);
  }

 private:
  std::uint64_t seed_;
  const resolve::SearchList& list_;
};

class Time final : public runtime::Schedule {
 public:
  Time() { clock().turn_to(runtime::Time(std::chrono::hours(1))); }
  void note_exception(std::string_view /*during*/) noexcept override { std::abort(); }
  void pass(std::chrono::seconds by) {
    const auto until = clock().now() + by;
    clock().turn_to(until);
    deadlines().expire(until);
  }

 private:
  void deadline_set(runtime::Time /*at*/) override {}
};

/// A group that answers with these outcomes.
class Knowing final : public resolve::Group {
 public:
  explicit Knowing(const World& world) : world_(world) {}

  void start() override {}
  void resolve(const dns::QueryView& query, resolve::Request& request) override {
    const auto& question = query.question();
    asked.push_back(dns::to_text(question.name));
    open_.push_back({.name = {question.name.begin(), question.name.end()}, .type = question.type, .request = &request});
  }
  void stop() override {}
  [[nodiscard]] bool is_stopped() const override { return true; }
  [[nodiscard]] bool trim() override { return false; }
  [[nodiscard]] bool is_idle() const override { return true; }
  [[nodiscard]] bool is_warm() const override { return true; }
  [[nodiscard]] bool is_down() const override { return false; }
  [[nodiscard]] std::optional<runtime::Time> recovered_at() const override { return std::nullopt; }

  [[nodiscard]] bool has_open() const { return !open_.empty(); }
  void answer(std::size_t index) {
    const auto question = open_[index];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
    const auto outcome = world_.of(question.name, question.type);
    if (outcome == Outcome::failure) return question.request->answered({.info_code = 22, .text = "no answer in time"});
    const auto rcode = outcome == Outcome::missing ? dns::rcode::nxdomain : dns::rcode::noerror;
    MessageBuilder message(static_cast<std::uint16_t>(dns::flag::qr | dns::flag::rd | dns::flag::ra | rcode));
    message.question(question.name, question.type);
    const auto ttl = world_.ttl_of(question.name);
    if (outcome == Outcome::address) {
      message.record(Section::answer, pointer_to(dns::header_size), question.type,
                     Buffer(question.type == dns::type::a ? 4 : 16, static_cast<std::uint8_t>(ttl)), ttl);
    } else {
      Buffer soa = {0, 0};
      for (int i = 0; i < 5; ++i) dns::append_u32(soa, ttl);
      message.record(Section::authority, {0}, dns::type::soa, soa, ttl);
    }
    question.request->answered({.source = resolve::Source::upstream,
                                .message = dns::MessageView::parse(message.bytes()).value(),
                                .rcode = rcode});
  }
  [[nodiscard]] std::size_t open() const { return open_.size(); }

  std::vector<std::string> asked;

 private:
  struct Open {
    Buffer name;
    std::uint16_t type = 0;
    resolve::Request* request = nullptr;
  };
  const World& world_;
  std::vector<Open> open_;
};

class Asker final : public resolve::Request {
 public:
  explicit Asker(const Buffer& query) : query_(query) {}
  void answered(const resolve::Answer& answer) override {
    ++answers;
    rcode = answer.rcode;
    message.clear();
    if (answer.entry != nullptr) {
      const auto view = dns::parse_query(query_, {}).value();
      cache::append_answer(*answer.entry, view, answer.now, answer.rotation, message);
      rcode = answer.entry->rcode();
    } else if (answer.message) {
      dns::append(message, answer.message->bytes());
    }
  }

  int answers = 0;
  std::uint16_t rcode = 0;
  Buffer message;

 private:
  const Buffer& query_;
};

const Buffer cluster_zone = name_of("cluster.local");

bool lies_in(Bytes name, Bytes zone) {
  while (name.size() > zone.size()) name = name.subspan(std::size_t{name[0]} + 1);
  return dns::equal_names(name, zone);
}

class Play {
 public:
  explicit Play(Input input)
      : input_(input),
        domains_(choose_domains()),
        list_(domains_, 5),
        world_(input_.byte() * 256U + input_.byte(), list_) {
    resolve::Setup setup;
    auto cluster = std::make_unique<Knowing>(world_);
    auto outside = std::make_unique<Knowing>(world_);
    cluster_ = cluster.get();
    outside_ = outside.get();
    setup.groups.push_back(std::make_shared<resolve::UpstreamGroup>(
        resolve::UpstreamGroup{.name = "outside", .encrypted = true, .group = std::move(outside)}));
    setup.groups.push_back(std::make_shared<resolve::UpstreamGroup>(
        resolve::UpstreamGroup{.name = "cluster", .encrypted = false, .group = std::move(cluster)}));
    setup.routes.push_back({.zone = {0}, .group = 0});
    setup.routes.push_back({.zone = cluster_zone, .group = 1});
    // The outcome of each name is random, so that names may exist below one that does not.
    setup.cache.nxdomain_cut = false;
    setup.cache.serve_stale = std::chrono::seconds{0};
    setup.search.emplace(domains_, 5U);
    resolver_.emplace(time_, random_, log_, memory_, std::move(setup));
  }

  void run() {
    for (int turns = 0; turns < 24 && !input_.is_over(); ++turns) {
      time_.pass(std::chrono::seconds(input_.below(20)));
      ask();
    }
  }

 private:
  std::vector<Buffer> choose_domains() {
    std::vector<Buffer> domains;
    const auto choice = input_.byte();
    if ((choice & 1U) == 0)
      for (const auto* domain : {"a1.svc.cluster.local", "svc.cluster.local", "cluster.local"})
        domains.push_back(name_of(domain));
    if ((choice & 1U) != 0 || (choice & 2U) != 0) domains.push_back(name_of("corp.example"));
    if ((choice & 4U) != 0) domains.push_back(name_of("lab.example"));
    return domains;
  }

  Buffer draw_name() {
    static constexpr std::array labels = {"web", "s-0", "app", "a1",    "a2",     "svc",
                                          "pod", "com", "org", "local", "cluster"};
    Buffer name;
    for (auto count = input_.below(6); count > 0; --count)
      dns::append(name, dns::testing::label_of(labels[input_.below(labels.size())]));
    const auto ending = input_.below(4);
    dns::append(name, ending < 2 ? domains_.front() : ending == 2 ? domains_.back() : Buffer{0});
    return name.size() == 1 ? name_of("web") : name;
  }

  void ask() {
    const auto name = draw_name();
    const auto type = input_.below(2) == 0 ? dns::type::a : dns::type::aaaa;
    const auto query = MessageBuilder().question(name, type).bytes();
    const auto view = dns::parse_query(query, {}).value();
    outside_->asked.clear();
    Asker asker(query);
    const auto found = resolver_->look(view);
    found.answer ? asker.answered(*found.answer) : resolver_->ask(view, found.miss, asker);
    while (cluster_->has_open() || outside_->has_open()) {
      auto& group = !outside_->has_open() || (cluster_->has_open() && input_.below(2) == 0) ? *cluster_ : *outside_;
      group.answer(input_.below(group.open()));
    }
    require(asker.answers == 1, "answered once");
    judge(name, type, asker);
  }

  /// The names that libc asks for: the name itself and, if it is a first step, the later candidates.
  std::vector<Buffer> names_of_walk(const Buffer& name, std::uint16_t type) const {
    std::vector<Buffer> names = {name};
    const auto base = list_.base_of(name, type);
    for (std::size_t i = 1; base && i < list_.candidate_count(); ++i) {
      Buffer candidate;
      if (list_.append_candidate(*base, i, candidate)) names.push_back(candidate);
    }
    return names;
  }

  void judge(const Buffer& name, std::uint16_t type, const Asker& asker) {
    if (lies_in(name, name_of("local")) && !lies_in(name, cluster_zone)) return;  // RFC 6762: answered here
    const auto names = names_of_walk(name, type);
    // libc's own walk ends with the first name that exists.
    std::size_t reached = 0;
    auto denied_for = std::uint32_t{0xFFFFFFFF};
    while (reached < names.size() && is_passed(names, reached, type)) {
      const bool is_denied = outcome_of(names[reached], type) == Outcome::missing;
      if (is_denied && list_.may_exist(names[reached]))
        denied_for = std::min(denied_for, world_.ttl_of(names[reached]));
      ++reached;
    }
    judge_leaks(names, reached);
    const auto itself = outcome_of(name, type);
    if (itself == Outcome::failure) return require(asker.rcode == dns::rcode::servfail, "a failure stays one");
    if (itself != Outcome::missing) return judge_found(name, type, asker, world_.ttl_of(name));
    if (asker.rcode == dns::rcode::nxdomain) return;  // libc continues its own walk
    require(asker.rcode == dns::rcode::noerror, "neither here nor there");
    require(reached < names.size(), "found where libc finds nothing");
    require(outcome_of(names[reached], type) != Outcome::failure, "libc would not get past a failure");
    if (!lies_in(names[reached], cluster_zone)) require(may_leave(name, type), "libc's full name is another's");
    judge_found(names[reached], type, asker, std::min(denied_for, world_.ttl_of(names[reached])));
  }

  /// True if the walk goes on after this candidate: it is missing, or it fails and its namespace is missing. glibc goes
  /// on after every failure.
  [[nodiscard]] bool is_passed(const std::vector<Buffer>& names, std::size_t candidate, std::uint16_t type) const {
    const auto outcome = outcome_of(names[candidate], type);
    const auto base = list_.base_of(names[0], type);
    if (outcome != Outcome::failure || candidate == 0 || !base) return outcome == Outcome::missing;
    // The second guard is the namespace, beneath which this candidate lies.
    Buffer guard;
    return list_.plan_for(*base).may_leave && list_.guard_count() == 2 && list_.append_guard(*base, 1, guard) &&
           lies_in(names[candidate], guard) && world_.of(guard, dns::type::a) == Outcome::missing;
  }

  [[nodiscard]] Outcome outcome_of(const Buffer& name, std::uint16_t type) const {
    if (lies_in(name, name_of("local")) && !lies_in(name, cluster_zone)) return Outcome::missing;
    return world_.of(name, type);
  }

  /// True if neither a Service of the namespace nor a namespace has the last label as its name.
  [[nodiscard]] bool may_leave(const Buffer& name, std::uint16_t type) const {
    const auto base = list_.base_of(name, type);
    for (std::size_t i = 0; base && i < list_.guard_count(); ++i) {
      Buffer guard;
      if (list_.append_guard(*base, i, guard) && world_.of(guard, dns::type::a) != Outcome::missing) return false;
    }
    return base.has_value();
  }

  void judge_leaks(const std::vector<Buffer>& names, std::size_t reached) {
    std::set<std::string> allowed;
    for (std::size_t i = 0; i <= reached && i < names.size(); ++i) allowed.insert(dns::to_text(names[i]));
    Buffer guard;
    if (const auto base = list_.base_of(names[0], dns::type::a);
        base && !lies_in(domains_.front(), cluster_zone) && list_.append_guard(*base, 0, guard))
      allowed.insert(dns::to_text(guard));
    for (const auto& asked : outside_->asked) require(allowed.contains(asked), "libc would not have asked for this");
  }

  void judge_found(const Buffer& name, std::uint16_t type, const Asker& asker, std::uint32_t longest) {
    require(asker.rcode == dns::rcode::noerror, "what is there is found");
    const auto view = dns::MessageView::parse(asker.message).value();
    bool has_address = false;
    Buffer target = {view.question().name.begin(), view.question().name.end()};
    dns::for_each_record(view, [&](const dns::Record& record) {
      require(record.ttl <= longest, "no record outlives a denial that was passed");
      if (record.type == dns::type::cname) {
        target.clear();
        require(dns::unpack_name(asker.message, record.rdata, target), "a target");
      }
      has_address |= record.type == type;
    });
    const bool expected = world_.of(name, type) == Outcome::address;
    require(has_address == expected, "with the records that there are");
    if (expected) require(dns::equal_names(target, name), "of the name that libc finds");
    if (!expected) require(view.header().answers() == 0, "and no alias where there are none");
  }

  Input input_;
  std::vector<Buffer> domains_;
  resolve::SearchList list_;
  World world_;
  Time time_;
  pillion::testing::SilentLog log_;
  runtime::Random random_;
  Knowing* cluster_ = nullptr;
  Knowing* outside_ = nullptr;
  runtime::MemoryShares memory_;
  std::optional<resolve::Resolver> resolver_;
};

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4 || size > 4096) return 0;
  pillion::fuzz::Play(pillion::fuzz::Input({data, size})).run();
  return 0;
}
