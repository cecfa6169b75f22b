#include "scenarios/message_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dns/message_builder.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"
#include "presentation/zone_text.hpp"

namespace pillion::scenarios {
namespace {

using dns::testing::MessageBuilder;
using dns::testing::name_of;
using dns::testing::option_of;
using dns::testing::pointer_to;
using dns::testing::Section;

constexpr std::array sections = {Section::answer, Section::authority, Section::additional};
constexpr std::uint32_t dnssec_ok_flag = 0x8000;
constexpr std::uint16_t upstream_id = 0x7E57;  // no client uses this payload: an answer with it was passed on unchanged
constexpr auto named_flags = std::to_array<std::pair<std::string_view, std::uint16_t>>(
    {{"AA", dns::flag::aa}, {"TC", dns::flag::tc}, {"AD", dns::flag::ad}});
constexpr auto named_rcodes =
    std::to_array<std::pair<std::string_view, std::uint16_t>>({{"NOERROR", dns::rcode::noerror},
                                                               {"FORMERR", dns::rcode::formerr},
                                                               {"SERVFAIL", dns::rcode::servfail},
                                                               {"NXDOMAIN", dns::rcode::nxdomain},
                                                               {"NOTIMP", dns::rcode::notimp},
                                                               {"REFUSED", dns::rcode::refused}});
// The name of a key, HMAC-SHA256, a time, and a MAC, which nothing verifies here.
const dns::Buffer tsig_rdata(40, 1);

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return text;
}

/// The name without its final dot, except for the root.
std::string name_text(dns::Bytes name) {
  auto text = dns::to_text(name);
  if (text.size() > 1) text.pop_back();
  return text;
}

std::string record_text(dns::Bytes owner, std::uint32_t ttl, std::uint16_t type, const std::string& rdata) {
  return lower(name_text(owner)) + " " + std::to_string(ttl) + " " + presentation::type_to_text(type) + " " + rdata;
}

std::string record_text(const dns::ZoneRecord& record) {
  dns::Record view;
  view.type = record.type;
  view.klass = record.klass;
  view.rdata_size = static_cast<std::uint16_t>(record.rdata.size());
  view.end = record.rdata.size();
  return record_text(record.owner, record.ttl, record.type, presentation::rdata_to_text(record.rdata, view));
}

std::string error_text(std::uint16_t info_code, std::string_view text) {
  auto all = " EDE " + std::to_string(info_code);
  if (!text.empty()) all += " \"" + std::string(text) + "\"";
  return all;
}

// OWNER TTL SOA minimum N, with fixed other fields.
void complete_soa(std::vector<std::string>& words) {
  if (words.size() != 5 || words[2] != "SOA" || words[3] != "minimum") return;
  auto minimum = std::move(words[4]);
  words.resize(3);
  for (const auto* word : {"ns.invalid.", "hostmaster.invalid.", "1", "7200", "3600", "86400"})
    words.emplace_back(word);
  words.push_back(std::move(minimum));
}

dns::ZoneRecord read_record(Words& words, std::vector<std::string> record_words) {
  complete_soa(record_words);
  std::string line;
  for (const auto& word : record_words) line += (line.empty() ? "" : " ") + word;
  static constexpr std::array<std::uint8_t, 1> root{0};
  auto record = presentation::parse_zone_record(line, root);
  if (!record) words.fail("in \"" + line + "\": " + record.error());
  return std::move(*record);
}

void read_sections(Words& words, Reply& reply) {
  std::size_t section = 0;
  std::vector<std::string> record;
  const auto end_record = [&] {
    if (!record.empty()) reply.sections[section].push_back(read_record(words, std::exchange(record, {})));
  };
  while (!words.empty()) {
    auto word = words.take("a record");
    if (word == "/") {
      end_record();
      if (++section == reply.sections.size())
        words.fail("a message has three sections: answer / authority / additional");
      continue;
    }
    const bool ends = word.ends_with(',');
    if (ends) word.pop_back();
    if (!word.empty()) record.push_back(std::move(word));
    if (ends) end_record();
  }
  end_record();
}

// A word of the reply's head, without the colon that may follow it.
void read_head_word(Words& words, const std::string& word, Reply& reply, bool& has_records) {
  const auto flag = std::ranges::find(named_flags, word, &std::pair<std::string_view, std::uint16_t>::first);
  const auto number = [&](std::string_view what) {
    auto text = words.take(what);
    has_records = text.ends_with(':');
    if (has_records) text.pop_back();
    if (text.empty() || text.size() > 4 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
      words.fail(std::string(what) + " has to be a number, not \"" + text + "\"");
    return static_cast<std::uint16_t>(std::stoi(text));
  };
  if (flag != named_flags.end()) {
    reply.flags |= flag->second;
  } else if (word == "signed") {
    reply.is_signed = true;
  } else if (word == "no-OPT") {
    reply.without_edns = true;
  } else if (word == "bare") {
    reply.is_bare = true;
  } else if (word == "keepalive") {
    reply.keepalive = number("the idle timeout, in units of 100 ms,");
  } else if (word == "scope") {
    reply.scope = static_cast<std::uint8_t>(number("the scope of the ECS option"));
  } else if (word == "from") {
    reply.source = words.take("the source");
    has_records = reply.source->ends_with(':');
    if (has_records) reply.source->pop_back();
  } else if (word == "EDE") {
    auto& error = reply.errors.emplace_back(Reply::Error{.info_code = number("the code of the error"), .text = {}});
    if (words.peek().starts_with('"')) error.text = words.take_quoted("the text of the error");
    has_records |= words.take_if(":");
  } else {
    words.fail("\"" + word + "\" is not known in an answer");
  }
}

std::string head_text(std::uint16_t rcode, std::uint16_t flags, bool is_signed) {
  auto text = presentation::rcode_to_text(rcode);
  for (const auto& [name, flag] : named_flags) {
    if ((flags & flag) != 0) text += " " + std::string(name);
  }
  return text + (is_signed ? " signed" : "");
}

std::string sections_text(const std::array<std::vector<std::string>, 3>& all) {
  std::string text;
  std::string pending;
  for (const auto& section : all) {
    for (const auto& record : section) {
      const auto* const separator = text.empty() || !pending.empty() ? " " : ", ";
      text += std::exchange(pending, {}) + separator + record;
    }
    pending += " /";
  }
  return text.empty() ? text : ":" + text;
}

// The offset of `owner` in the question's name, if the name ends in it; nullopt otherwise.
std::optional<std::size_t> place_in(dns::Bytes name, dns::Bytes owner) {
  for (std::size_t at = 0; name.size() - at >= owner.size() && owner.size() > 1; at += std::size_t{name[at]} + 1) {
    if (dns::equal_names(name.subspan(at), owner)) return dns::header_size + at;
    if (name[at] == 0) break;
  }
  return std::nullopt;
}

void add_opt(MessageBuilder& message, const Question& question, const Reply& reply) {
  dns::Buffer options;
  for (const auto& error : reply.errors) {
    dns::Buffer value;
    dns::append_u16(value, error.info_code);
    dns::append(value, dns::testing::bytes_of(error.text));
    dns::append(options, option_of(dns::option::extended_error, value));
  }
  // RFC 7871 section 6: IPv4, a source prefix of 24 bits, the scope, the network.
  if (reply.scope) dns::append(options, option_of(dns::option::client_subnet, {0, 1, 24, *reply.scope, 192, 0, 2}));
  if (reply.keepalive) {
    dns::Buffer timeout;
    dns::append_u16(timeout, *reply.keepalive);
    dns::append(options, option_of(dns::option::tcp_keepalive, timeout));
  }
  message.opt(options, question.dnssec_ok ? dnssec_ok_flag : 0);
}

}  // namespace

Question read_question(Words& words) {
  Question question{.name = words.take("the name"), .type = 0};
  if (!dns::parse_name(question.name)) words.fail("\"" + question.name + "\" is not a name");
  const auto type_text = words.take("the type");
  const auto type = presentation::type_from_text(type_text);
  if (!type) words.fail("\"" + type_text + "\" is not a type");
  question.type = *type;
  while (true) {
    if (words.take_if("CH")) {
      question.klass = dns::klass::chaos;
    } else if (words.take_if("DO")) {
      question.dnssec_ok = true;
    } else if (words.take_if("CD")) {
      question.checking_disabled = true;
    } else if (words.take_if("no-RD")) {
      question.recursion_desired = false;
    } else if (words.take_if("signed")) {
      question.is_signed = true;
    } else {
      return question;
    }
  }
}

Question question_of(const dns::QueryView& query) {
  const auto flags = query.message.header().flags();
  return {.name = name_text(query.question().name),
          .type = query.question().type,
          .klass = query.question().klass,
          .dnssec_ok = query.edns.dnssec_ok,
          .checking_disabled = (flags & dns::flag::cd) != 0,
          .recursion_desired = (flags & dns::flag::rd) != 0,
          .is_signed = query.message.is_signed()};
}

std::string to_text(const Question& question) {
  auto text = question.name + " " + presentation::type_to_text(question.type);
  if (question.klass != dns::klass::in) text += " " + presentation::class_to_text(question.klass);
  if (question.dnssec_ok) text += " DO";
  if (question.checking_disabled) text += " CD";
  if (!question.recursion_desired) text += " no-RD";
  if (question.is_signed) text += " signed";
  return text;
}

dns::Buffer query_message(const Question& question, const QueryOptions& options) {
  auto flags = question.recursion_desired ? dns::flag::rd : std::uint16_t{0};
  if (question.checking_disabled) flags |= dns::flag::cd;
  if (options.authentic_data) flags |= dns::flag::ad;
  MessageBuilder message(flags);
  message.question(question.name, question.type).set_u16(0, options.id);
  message.set_u16(message.size() - 2, question.klass);
  if (options.edns || question.dnssec_ok || options.payload) {
    message.record(Section::additional, {0}, dns::type::opt, {}, question.dnssec_ok ? dnssec_ok_flag : 0,
                   options.payload.value_or(1232));
  }
  if (question.is_signed) {
    message.record(Section::additional, name_of("key.example"), dns::type::tsig, tsig_rdata, 0, dns::klass::any);
  }
  return message.bytes();
}

Reply read_reply(Words& words) {
  Reply reply;
  auto word = words.take("the response code");
  bool has_records = word.ends_with(':');
  if (has_records) word.pop_back();
  const auto rcode = std::ranges::find(named_rcodes, word, &std::pair<std::string_view, std::uint16_t>::first);
  if (rcode == named_rcodes.end()) words.fail("\"" + word + "\" is not a response code");
  reply.rcode = rcode->second;
  while (!has_records && !words.empty()) {
    word = words.take("an answer");
    has_records = word.ends_with(':');
    if (has_records) word.pop_back();
    if (!word.empty()) read_head_word(words, word, reply, has_records);
  }
  if (has_records) read_sections(words, reply);
  return reply;
}

dns::Buffer reply_message(const Question& question, const Reply& reply) {
  auto flags = static_cast<std::uint16_t>(dns::flag::qr | dns::flag::ra | reply.flags | reply.rcode);
  if (question.recursion_desired) flags |= dns::flag::rd;
  if (question.checking_disabled) flags |= dns::flag::cd;
  MessageBuilder message(flags);
  if (reply.is_bare) return message.bytes();
  message.question(question.name, question.type).set_u16(0, upstream_id);
  message.set_u16(message.size() - 2, question.klass);
  const auto name = name_of(question.name);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    for (const auto& record : reply.sections[i]) {
      const auto place = place_in(name, record.owner);
      message.record(sections[i], place ? pointer_to(*place) : record.owner, record.type, record.rdata, record.ttl,
                     question.klass);
    }
  }
  if (!reply.without_edns) add_opt(message, question, reply);
  if (reply.is_signed) {
    message.record(Section::additional, name_of("key.example"), dns::type::tsig, tsig_rdata, 0, dns::klass::any);
  }
  return message.bytes();
}

std::string to_text(const Reply& reply) {
  auto text = head_text(reply.rcode, reply.flags, reply.is_signed);
  for (const auto& error : reply.errors) text += error_text(error.info_code, error.text);
  if (reply.source) text += " from " + *reply.source;
  std::array<std::vector<std::string>, 3> records;
  for (std::size_t i = 0; i < records.size(); ++i) {
    for (const auto& record : reply.sections[i]) records[i].push_back(record_text(record));
  }
  return text + sections_text(records);
}

std::string to_text(const dns::MessageView& message, std::string_view source) {
  const auto header = message.header();
  const auto edns = dns::read_edns(message);
  auto text = head_text(static_cast<std::uint16_t>(edns.extended_rcode << 4U | header.rcode()), header.flags(),
                        message.is_signed());
  for (auto options = edns.options; !options.empty();) {
    const auto size = std::size_t{dns::read_u16(options, 2)};
    const auto value = options.subspan(4, size);
    if (dns::read_u16(options, 0) == dns::option::extended_error) {
      text += error_text(dns::read_u16(value, 0), std::string(value.begin() + 2, value.end()));
    } else if (!message.is_signed()) {
      text += " option " + std::to_string(dns::read_u16(options, 0));  // only between Pillion and the upstream
    }
    options = options.subspan(4 + size);
  }
  text += " from " + std::string(source);
  std::array<std::vector<std::string>, 3> records;
  std::size_t index = 0;
  dns::for_each_record(message, [&](const dns::Record& record) {
    const auto i = index++;
    if (record.type == dns::type::opt || record.type == dns::type::tsig) return;
    const auto before_additional = std::size_t{header.answers()} + header.authorities();
    const auto section = i < header.answers() ? 0U : i < before_additional ? 1U : 2U;
    dns::Buffer owner;
    if (!dns::unpack_name(message.bytes(), record.owner, owner)) owner = name_of("malformed.invalid");
    auto line = record_text(owner, record.ttl, record.type, presentation::rdata_to_text(message.bytes(), record));
    if (record.klass != message.question().klass) line += " of class " + presentation::class_to_text(record.klass);
    records[section].push_back(std::move(line));
  });
  return text + sections_text(records);
}

}  // namespace pillion::scenarios
