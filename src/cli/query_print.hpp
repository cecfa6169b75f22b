#pragma once
// A reply for people and for programs.

#include <iosfwd>

#include "cli/query_exchange.hpp"

namespace pillion::cli {

/// Status and flags, EDNS with Extended DNS Errors, question, sections, server and time; one record a line in
/// presentation form.
void print_text(const ServerReply& reply, std::ostream& out);

/// The same as one JSON object in one line.
void print_json(const ServerReply& reply, std::ostream& out);

}  // namespace pillion::cli
