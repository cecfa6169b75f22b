#include "dns/bad_messages.hpp"

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

using Table = std::vector<BadMessage>;

constexpr std::size_t question_name = header_size;  // where the question's name starts

MessageBuilder query() {
  return MessageBuilder().question("www.example.com");
}

// A header that counts one question, then `rest`.
Buffer question_of(const Buffer& rest) {
  return MessageBuilder().set_u16(4, 1).raw(rest).bytes();
}

Buffer with_root_question(const Buffer& rest) {
  return joined({rest, {0, 0, 1, 0, 1}});
}

// A query that counts one record in this section, then `rest` after the question.
Buffer record_of(Section section, const Buffer& rest) {
  return query().set_u16(static_cast<std::size_t>(section), 1).raw(rest).bytes();
}

Buffer question_with_label(std::string_view label) {
  return MessageBuilder().question(joined({label_of(label), name_of("example.com")})).bytes();
}

void add_headers(Table& table) {
  for (std::size_t size = 0; size < header_size; ++size) {
    table.push_back({"short_header_" + std::to_string(size), query().first(size), QueryError::short_header});
  }
  const auto response = [](std::uint16_t flags) { return MessageBuilder(flag::qr | flags); };
  const auto add = [&](std::string name, Buffer bytes) {
    table.push_back({std::move(name), std::move(bytes), QueryError::is_response});
  };
  add("response_to_a_query", response(flag::rd | flag::ra).question("www.example.com").bytes());
  add("response_with_an_answer",
      response(flag::ra).question("a.example").record(Section::answer, pointer_to(12), type::a, test_address).bytes());
  add("response_nxdomain", response(flag::ra | rcode::nxdomain).question("a.example").bytes());
  add("response_bare_header", response(0).bytes());
  add("response_with_two_questions", response(0).question("a.example").question("b.example").bytes());
  add("response_of_garbage", MessageBuilder(0xFFFF).raw(bytes_of("\xFF\xFF\xFF\xFF")).bytes());
}

void add_question_counts(Table& table) {
  const auto add = [&](std::string name, Buffer bytes) {
    table.push_back({std::move(name), std::move(bytes), QueryError::question_count});
  };
  add("qdcount_0_bare_header", MessageBuilder().bytes());
  add("qdcount_0_with_a_question", query().set_u16(4, 0).bytes());
  add("qdcount_0_with_opt", MessageBuilder().opt().bytes());
  add("qdcount_2_with_two_questions", query().question("www.example.com", type::aaaa).bytes());
  add("qdcount_2_with_one_question", query().set_u16(4, 2).bytes());
  add("qdcount_256_swapped_bytes", query().set_u16(4, 256).bytes());
  add("qdcount_65535", query().set_u16(4, 65535).bytes());
}

void add_truncated_questions(Table& table) {
  const auto add = [&](std::string name, const Buffer& rest) {
    table.push_back({std::move(name), question_of(rest), QueryError::truncated_name});
  };
  add("name_missing", {});
  add("name_without_root", labels_of(2, 7));
  add("name_label_without_bytes", {5});
  add("name_label_cut_by_one", bytes_of("\x03ww"));
  add("name_label_63_cut_by_one", joined({{63}, Buffer(62, 'x')}));
  add("name_second_label_overruns", joined({label_of("www"), {60}, bytes_of("example"), {0, 0, 1, 0, 1}}));

  for (std::size_t left = 0; left < 4; ++left) {
    const auto whole = query();
    table.push_back({"question_with_" + std::to_string(left) + "_of_4_bytes", whole.first(whole.size() - 4 + left),
                     QueryError::truncated_question});
  }
}

void add_question_names(Table& table) {
  const auto add_compressed = [&](std::string name, const Buffer& rest) {
    table.push_back({std::move(name), question_of(with_root_question(rest)), QueryError::compressed_name});
  };
  add_compressed("name_points_to_itself", pointer_to(question_name));
  add_compressed("name_points_to_the_id", pointer_to(0));
  add_compressed("name_points_to_a_count", pointer_to(6));
  add_compressed("name_points_forward", pointer_to(14));
  add_compressed("name_points_past_the_end", pointer_to(0x3FFF));
  add_compressed("name_label_then_pointer_to_it", joined({label_of("www"), pointer_to(question_name)}));
  table.push_back({"name_half_a_pointer", question_of({0xC0}), QueryError::compressed_name});

  const auto add_long = [&](std::string name, const Buffer& rest) {
    table.push_back({std::move(name), question_of(with_root_question(rest)), QueryError::long_name});
  };
  add_long("name_label_64", joined({{64}, Buffer(64, 'x')}));
  add_long("name_bit_string_label", {0x41, 0x08, 0x0A});  // RFC 2673, obsoleted by RFC 6891 section 5
  add_long("name_label_type_01_last", {0x7F});
  add_long("name_label_type_10", {0x80, 0x0C});
  add_long("name_label_type_10_all_ones", {0xBF, 0xFF});
  add_long("name_label_type_01_after_labels", joined({labels_of(3, 5), {0x40}}));
  add_long("name_256_bytes", joined({labels_of(3, 63), labels_of(1, 62)}));
  add_long("name_257_bytes", labels_of(4, 63));
  add_long("name_128_labels_of_one_letter", labels_of(128, 1));
  add_long("name_of_4000_bytes", labels_of(125, 31));
  table.push_back({"name_too_long_before_it_ends", question_of(labels_of(6, 63)), QueryError::long_name});
}

void add_record_frames(Table& table) {
  const auto add = [&](std::string name, Buffer bytes) {
    table.push_back({std::move(name), std::move(bytes), QueryError::malformed_record});
  };
  const auto fixed = Buffer{0, 1, 0, 1, 0, 0, 0, 0};  // type, class, TTL
  for (const auto& [section, place] :
       {std::pair{Section::answer, "answer"}, {Section::authority, "authority"}, {Section::additional, "additional"}}) {
    const auto prefix = std::string(place) + "_";
    add(prefix + "missing", record_of(section, {}));
    add(prefix + "without_type", record_of(section, {0}));
    add(prefix + "without_rdlength", record_of(section, joined({{0}, fixed})));
    add(prefix + "rdlength_cut", record_of(section, joined({{0}, fixed, {0}})));
    add(prefix + "rdata_cut_by_one", record_of(section, joined({{0}, fixed, {0, 4, 192, 0, 2}})));
    add(prefix + "rdlength_65535", record_of(section, joined({{0}, fixed, {0xFF, 0xFF}, test_address})));
  }
  add("arcount_65535_with_one_opt", query().opt().set_u16(10, 65535).bytes());
  add("all_counts_65535", query().set_u16(6, 65535).set_u16(8, 65535).set_u16(10, 65535).bytes());
  add("second_additional_missing",
      query().record(Section::additional, {0}, type::a, test_address).set_u16(10, 2).bytes());
}

void add_record_owners(Table& table) {
  const auto add = [&](std::string name, const Buffer& owner) {
    table.push_back({std::move(name), query().record(Section::additional, owner, type::a, test_address).bytes(),
                     QueryError::malformed_record});
  };
  const auto here = query().size();
  add("owner_points_to_itself", pointer_to(here));
  add("owner_points_forward", pointer_to(here + 2));
  add("owner_points_past_the_end", pointer_to(0x3FFF));
  add("owner_points_into_the_header", pointer_to(4));
  add("owner_label_then_pointer_to_it", joined({label_of("a"), pointer_to(here)}));
  add("owner_points_into_its_own_label", joined({bytes_of("\x03\x01x"), {0}, pointer_to(here + 1)}));
  add("owner_label_type_01", {0x41, 0x01, 0x00});
  add("owner_label_type_10", {0x80, 0x00});
  add("owner_256_bytes", joined({labels_of(3, 63), labels_of(1, 62), {0}}));
  add("owner_256_bytes_unpacked", joined({labels_of(3, 63), labels_of(1, 46), pointer_to(question_name)}));

  table.push_back(
      {"owner_label_overruns", record_of(Section::additional, {63, 'a', 'b', 'c'}), QueryError::malformed_record});
  table.push_back({"owner_half_a_pointer", record_of(Section::additional, {0xC0}), QueryError::malformed_record});

  // Two names that point to each other: the first cannot be read, whatever follows.
  const auto first = query().size();
  const auto second = first + 2 + 10 + test_address.size();
  table.push_back({"owners_point_to_each_other",
                   query()
                       .record(Section::additional, pointer_to(second), type::a, test_address)
                       .record(Section::additional, pointer_to(first), type::a, test_address)
                       .bytes(),
                   QueryError::malformed_record});

  // 200 pointers in rdata, each to the one before it, then a name that points to the last of them.
  Buffer chain = pointer_to(question_name);
  const auto chain_start = query().size() + 1 + 10;
  for (std::size_t i = 1; i < 200; ++i) append(chain, pointer_to(chain_start + 2 * (i - 1)));
  table.push_back({"owner_chain_of_200_pointers",
                   query()
                       .record(Section::additional, {0}, type::txt, chain)
                       .record(Section::additional, pointer_to(chain_start + 398), type::a, test_address)
                       .bytes(),
                   QueryError::malformed_record});
}

void add_edns(Table& table) {
  const auto add = [&](std::string name, const MessageBuilder& message) {
    table.push_back({std::move(name), message.bytes(), QueryError::malformed_edns});
  };
  add("opt_owner_not_root", query().record(Section::additional, name_of("opt"), type::opt, {}));
  add("opt_owner_points_to_a_root", query().record(Section::additional, pointer_to(28), type::opt, {}));
  add("opt_twice", query().opt().opt());
  add("opt_twice_with_a_record_between",
      query().opt().record(Section::additional, pointer_to(12), type::a, test_address).opt());
  add("opt_in_answer", query().record(Section::answer, {0}, type::opt, {}, 0, 1232));
  add("opt_in_authority", query().record(Section::authority, {0}, type::opt, {}, 0, 1232));
  add("opt_option_code_cut", query().opt({0}));
  add("opt_option_length_missing", query().opt({0, 10}));
  add("opt_option_length_cut", query().opt({0, 10, 0}));
  add("opt_option_overruns_by_one", query().opt({0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7}));
  add("opt_option_length_65535", query().opt({0, 12, 0xFF, 0xFF, 0, 0}));
  add("opt_second_option_cut", query().opt(joined({option_of(option::cookie, Buffer(8)), {0, 12, 0}})));
  add("opt_second_option_overruns", query().opt(joined({option_of(option::padding, Buffer(4)), {0, 3, 0, 1}})));
}

void add_tsig(Table& table) {
  const auto add = [&](std::string name, const MessageBuilder& message) {
    table.push_back({std::move(name), message.bytes(), QueryError::misplaced_tsig});
  };
  const auto key = name_of("key.example");
  const auto rdata = joined({name_of("hmac-sha256"), Buffer(16)});
  const auto sign = [&](MessageBuilder message, Section section = Section::additional) {
    return message.record(section, key, type::tsig, rdata, 0, klass::any);
  };
  add("tsig_before_opt", sign(query()).opt());
  add("tsig_before_a_record", sign(query()).record(Section::additional, {0}, type::a, test_address));
  add("tsig_twice", sign(sign(query())));
  add("tsig_in_answer", sign(query(), Section::answer));
  add("tsig_in_authority", sign(query(), Section::authority));
  add("tsig_in_answer_before_opt", sign(query(), Section::answer).opt());
}

void add_trailing_bytes(Table& table) {
  const auto add = [&](std::string name, const MessageBuilder& message) {
    table.push_back({std::move(name), message.bytes(), QueryError::trailing_bytes});
  };
  add("trailing_zero", query().raw({0}));
  add("trailing_byte_after_root_question", MessageBuilder().question(".").raw({0xFF}));
  add("trailing_500_zeros", query().raw(Buffer(500)));
  add("trailing_second_message", query().raw(query().bytes()));
  add("trailing_line_feed", query().raw({'\r', '\n'}));
  add("trailing_byte_after_opt", query().opt().raw({0}));
  add("trailing_opt_that_is_not_counted", query().opt().set_u16(10, 0));
  add("trailing_record_that_is_not_counted",
      query().record(Section::answer, pointer_to(12), type::a, test_address).set_u16(6, 0));
}

void add_names_not_utf8(Table& table) {
  const auto add = [&](std::string name, std::string_view label) {
    table.push_back({"utf8_" + std::move(name), question_with_label(label), QueryError::name_not_utf8});
  };
  add("latin_1_label", "caf\xE9");
  add("latin_1_in_the_middle", "m\xFCller");
  add("lone_continuation", "\x80");
  add("continuation_after_a_character", "\xC3\xA9\xA9");
  add("overlong_zero", "\xC0\x80");
  add("overlong_dot", "\xC0\xAE");
  add("overlong_7f_in_two_bytes", "\xC1\xBF");
  add("overlong_in_three_bytes", "\xE0\x80\xAF");
  add("overlong_7ff_in_three_bytes", "\xE0\x9F\xBF");
  add("overlong_in_four_bytes", "\xF0\x80\x80\xAF");
  add("overlong_ffff_in_four_bytes", "\xF0\x8F\xBF\xBF");
  add("first_surrogate", "\xED\xA0\x80");
  add("last_surrogate", "\xED\xBF\xBF");
  add("surrogate_pair", "\xED\xA0\xBD\xED\xB8\x80");
  add("beyond_10ffff", "\xF4\x90\x80\x80");
  add("lead_f5", "\xF5\x80\x80\x80");
  add("five_bytes", "\xF8\x88\x80\x80\x80");
  add("fe_ff", "\xFE\xFF");
  add("two_byte_character_cut", "a\xC3");
  add("three_byte_character_cut", "\xE2\x82");
  add("four_byte_character_cut", "\xF0\x9F\x98");
  add("lead_before_ascii", "\xC3z");
  table.push_back({"utf8_character_over_two_labels",
                   MessageBuilder().question(joined({label_of("\xC3"), label_of("\xA9"), {0}})).bytes(),
                   QueryError::name_not_utf8});
  table.push_back(
      {"utf8_bad_last_label",
       MessageBuilder().question(joined({label_of("www"), label_of("example"), label_of("\xFF"), {0}})).bytes(),
       QueryError::name_not_utf8});
}

void add_answer_records(Table& table) {
  for (const int count : {1, 2}) {
    auto message = query();
    for (int i = 0; i < count; ++i) message.record(Section::answer, pointer_to(12), type::a, test_address);
    table.push_back({"answer_records_" + std::to_string(count), message.bytes(), QueryError::answer_records});
  }
}

}  // namespace

std::vector<BadMessage> bad_messages() {
  Table table;
  add_headers(table);
  add_question_counts(table);
  add_truncated_questions(table);
  add_question_names(table);
  add_record_frames(table);
  add_record_owners(table);
  add_edns(table);
  add_tsig(table);
  add_trailing_bytes(table);
  add_names_not_utf8(table);
  add_answer_records(table);
  return table;
}

}  // namespace pillion::dns::testing
