#pragma once
// Prints a reply for people and for programs.

#include <iosfwd>

#include "cli/query_exchange.hpp"

namespace pillion::cli {

/// Prints status and flags, EDNS with Extended DNS Errors, question, sections, server and time; one record on each
/// line in presentation form.
void print_text(const ServerReply& reply, std::ostream& out);

/// Prints the same as one JSON object on one line.
void print_json(const ServerReply& reply, std::ostream& out);

}  // namespace pillion::cli
