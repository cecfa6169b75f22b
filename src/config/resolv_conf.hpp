#pragma once
// The search list and the name servers of a resolv.conf file (resolv.conf(5)). Pure.

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

struct ResolvConf {
  /// A word that should have had an effect but was skipped.
  struct Skipped {
    int line = 0;
    std::string reason;  ///< the word, and why it was skipped
  };

  Search search;
  std::vector<Endpoint> name_servers;  ///< in the order of the file, each at port 53; its port is no part of the file
  std::vector<Skipped> skipped;        ///< in the order of the file
};

/// What the text says about the search list, as the C library reads it: the last `search` or `domain` line that has a
/// value wins, `domain` being a list of one; `options ndots:N` counts up to 15 and is 1 where it is not given. A domain
/// that comes twice, and the root, are left out. A `nameserver` whose address cannot be read is
/// passed over, and so is all else in the file. No text is an error, since the
/// program beside us lives with it too: a domain that is not a name, one behind the 32nd and an `ndots:` without a
/// number are skipped.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

}  // namespace pillion::config
