#pragma once
// Appends bytes to a text, in the encodings that fields of rdata have in presentation format. Only this room includes
// this file.

#include <string>

#include "dns/wire.hpp"

namespace pillion::presentation {

/// Appends two hexadecimal digits for each byte, in upper case.
void append_hex(std::string& out, dns::Bytes bytes);

/// Appends Base 64 with padding (RFC 4648 section 4).
void append_base64(std::string& out, dns::Bytes bytes);

/// Appends Base 32 with the extended hex alphabet, without padding (RFC 4648 section 7; RFC 5155 section 3.3).
void append_base32hex(std::string& out, dns::Bytes bytes);

/// Appends the text in quotation marks (RFC 1035 section 5.1), with `\"`, `\\`, and `\DDD` for bytes that are not
/// printable ASCII.
void append_quoted(std::string& out, dns::Bytes text);

/// Appends an IPv4 address, of which `bytes` has 4, or an IPv6 address, of which it has 16.
void append_address(std::string& out, dns::Bytes bytes);

}  // namespace pillion::presentation
