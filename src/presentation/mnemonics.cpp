#include "presentation/mnemonics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace pillion::presentation {
namespace {

struct Mnemonic {
  std::uint16_t code;
  std::string_view text;
};

// The types of IANA "Resource Record (RR) TYPEs" that are in use.
constexpr auto types = std::to_array<Mnemonic>({
    {1, "A"},           {2, "NS"},      {3, "MD"},     {4, "MF"},       {5, "CNAME"},       {6, "SOA"},
    {7, "MB"},          {8, "MG"},      {9, "MR"},     {10, "NULL"},    {11, "WKS"},        {12, "PTR"},
    {13, "HINFO"},      {14, "MINFO"},  {15, "MX"},    {16, "TXT"},     {17, "RP"},         {18, "AFSDB"},
    {21, "RT"},         {24, "SIG"},    {25, "KEY"},   {26, "PX"},      {28, "AAAA"},       {29, "LOC"},
    {30, "NXT"},        {33, "SRV"},    {35, "NAPTR"}, {36, "KX"},      {37, "CERT"},       {39, "DNAME"},
    {41, "OPT"},        {42, "APL"},    {43, "DS"},    {44, "SSHFP"},   {45, "IPSECKEY"},   {46, "RRSIG"},
    {47, "NSEC"},       {48, "DNSKEY"}, {49, "DHCID"}, {50, "NSEC3"},   {52, "TLSA"},       {53, "SMIMEA"},
    {51, "NSEC3PARAM"}, {55, "HIP"},    {59, "CDS"},   {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"},
    {63, "ZONEMD"},     {64, "SVCB"},   {65, "HTTPS"}, {99, "SPF"},     {108, "EUI48"},     {109, "EUI64"},
    {249, "TKEY"},      {250, "TSIG"},  {251, "IXFR"}, {252, "AXFR"},   {253, "MAILB"},     {254, "MAILA"},
    {255, "ANY"},       {256, "URI"},   {257, "CAA"},
});

// RFC 8914 section 4, by INFO-CODE.
constexpr std::array<std::string_view, 25> extended_errors{"Other Error",
                                                           "Unsupported DNSKEY Algorithm",
                                                           "Unsupported DS Digest Type",
                                                           "Stale Answer",
                                                           "Forged Answer",
                                                           "DNSSEC Indeterminate",
                                                           "DNSSEC Bogus",
                                                           "Signature Expired",
                                                           "Signature Not Yet Valid",
                                                           "DNSKEY Missing",
                                                           "RRSIGs Missing",
                                                           "No Zone Key Bit Set",
                                                           "NSEC Missing",
                                                           "Cached Error",
                                                           "Not Ready",
                                                           "Blocked",
                                                           "Censored",
                                                           "Filtered",
                                                           "Prohibited",
                                                           "Stale NXDOMAIN Answer",
                                                           "Not Authoritative",
                                                           "Not Supported",
                                                           "No Reachable Authority",
                                                           "Network Error",
                                                           "Invalid Data"};

// IANA "DNS RCODEs".
constexpr auto rcodes = std::to_array<Mnemonic>({
    {0, "NOERROR"},  {1, "FORMERR"},    {2, "SERVFAIL"}, {3, "NXDOMAIN"},  {4, "NOTIMP"},
    {5, "REFUSED"},  {6, "YXDOMAIN"},   {7, "YXRRSET"},  {8, "NXRRSET"},   {9, "NOTAUTH"},
    {10, "NOTZONE"}, {11, "DSOTYPENI"}, {16, "BADVERS"}, {17, "BADKEY"},   {18, "BADTIME"},
    {19, "BADMODE"}, {20, "BADNAME"},   {21, "BADALG"},  {22, "BADTRUNC"}, {23, "BADCOOKIE"},
});

// IANA "DNS CLASSes".
constexpr auto classes = std::to_array<Mnemonic>({{1, "IN"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"}});

std::string to_mnemonic(std::span<const Mnemonic> table, std::uint16_t code, std::string_view prefix) {
  const auto found = std::ranges::find(table, code, &Mnemonic::code);
  if (found != table.end()) return std::string(found->text);
  return std::string(prefix) + std::to_string(code);
}

constexpr char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool equal_text(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_upper, to_upper);
}

}  // namespace

std::string type_to_text(std::uint16_t type) {
  return to_mnemonic(types, type, "TYPE");
}

std::optional<std::uint16_t> type_from_text(std::string_view text) {
  const auto found = std::ranges::find_if(types, [&](const Mnemonic& known) { return equal_text(known.text, text); });
  if (found != types.end()) return found->code;

  constexpr std::string_view prefix = "TYPE";
  if (!equal_text(text.substr(0, prefix.size()), prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  std::uint16_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return code;
}

std::string class_to_text(std::uint16_t klass) {
  return to_mnemonic(classes, klass, "CLASS");
}

std::string rcode_to_text(std::uint16_t rcode) {
  return to_mnemonic(rcodes, rcode, "RCODE");
}

std::string_view extended_error_to_text(std::uint16_t info_code) {
  return info_code < extended_errors.size() ? extended_errors.at(info_code) : "unassigned";
}

}  // namespace pillion::presentation
