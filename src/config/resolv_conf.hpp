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

/// Reads the text as the C library does. The last line `search` or `domain` that has a value wins; `domain` is a list
/// of one. `options ndots:N` is 1 if it is missing, and at most 15. A domain that comes twice, and the root, are left
/// out. A `nameserver` whose address cannot be read is ignored, and so are all other lines. No text is an error, since
/// the C library of the application accepts any: a domain that is not a name, one after the 32nd, and an `ndots:`
/// without a number are skipped.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

}  // namespace pillion::config
