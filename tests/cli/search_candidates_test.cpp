#include "cli/search_candidates.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/name.hpp"

namespace pillion::cli {
namespace {

using testing::ElementsAre;

std::vector<std::string> candidates(const std::string& name, std::uint32_t ndots,
                                    std::vector<std::string> domains = {"ns.svc.cluster.local", "cluster.local"}) {
  std::vector<std::string> texts;
  const config::Search search{.domains = std::move(domains), .ndots = ndots};
  for (const auto& candidate : search_candidates(dns::parse_name(name).value(), name.ends_with('.'), search))
    texts.push_back(dns::to_text(candidate));
  return texts;
}

TEST(SearchCandidates, OfANameWithFewDotsEndWithTheNameItself) {
  EXPECT_THAT(candidates("db", 1), ElementsAre("db.ns.svc.cluster.local.", "db.cluster.local.", "db."));
  EXPECT_THAT(candidates("a.b", 5), ElementsAre("a.b.ns.svc.cluster.local.", "a.b.cluster.local.", "a.b."));
}

TEST(SearchCandidates, OfANameWithManyDotsBeginWithIt) {
  EXPECT_THAT(candidates("a.b", 1), ElementsAre("a.b.", "a.b.ns.svc.cluster.local.", "a.b.cluster.local."));
  EXPECT_THAT(candidates("db", 0), ElementsAre("db.", "db.ns.svc.cluster.local.", "db.cluster.local."));
}

TEST(SearchCandidates, OfANameWithItsFinalDotAreThatNameAlone) {
  EXPECT_THAT(candidates("a.b.", 5), ElementsAre("a.b."));
}

TEST(SearchCandidates, LeaveOutWhatIsTooLong) {
  const std::string label(60, 'x');
  const auto name = label + "." + label + "." + label + "." + label;
  EXPECT_THAT(candidates(name, 9), ElementsAre(name + "."));
}

TEST(SearchVerdict, IsGlibcs) {
  EXPECT_EQ(verdict_on("NOERROR", true), SearchVerdict::found);
  EXPECT_EQ(verdict_on("NOERROR", false), SearchVerdict::go_on);
  EXPECT_EQ(verdict_on("NXDOMAIN", false), SearchVerdict::go_on);
  EXPECT_EQ(verdict_on("SERVFAIL", false), SearchVerdict::go_on);
  EXPECT_EQ(verdict_on("REFUSED", false), SearchVerdict::stop);
}

}  // namespace
}  // namespace pillion::cli
