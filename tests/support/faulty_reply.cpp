#include "support/faulty_reply.hpp"

#include <algorithm>
#include <string_view>

namespace pillion::test {
namespace {

/// The offset after the question's name. The answer is well-formed, since the server has made it.
std::size_t end_of_question_name(const dns::Buffer& message) {
  auto offset = dns::header_size;
  while (message[offset] != 0) offset += message[offset] + std::size_t{1};
  return offset + 1;
}

void add_opt(dns::Buffer& message) {
  message.push_back(0);
  dns::append_u16(message, dns::type::opt);
  dns::append_u16(message, 1232);
  dns::append_u32(message, 0);
  dns::append_u16(message, 0);
}

}  // namespace

void spoil(dns::Buffer& message, QueryFault::Reply reply) {
  using Reply = QueryFault::Reply;
  switch (reply) {
    case Reply::normal:
      break;
    case Reply::wrong_id:
      message[0] ^= 0xffU;
      message[1] ^= 0xffU;
      break;
    case Reply::wrong_question:
      // Changes a letter, not only its case. The root has no letter, and becomes a name of one letter.
      if (message[dns::header_size] == 0) {
        message.insert(message.begin() + dns::header_size, {1, 'x'});
      } else {
        auto& letter = message[dns::header_size + 1];
        letter = lower(letter) == 'x' ? std::uint8_t{'y'} : std::uint8_t{'x'};
      }
      break;
    case Reply::wrong_type:
      message[end_of_question_name(message) + 1] ^= 0x01U;
      break;
    case Reply::no_question:
      message.resize(dns::header_size);
      std::fill(message.begin() + 4, message.end(), std::uint8_t{0});
      break;
    case Reply::query:
      message[2] &= 0x7fU;
      break;
    case Reply::garbage: {
      constexpr std::string_view garbage = "HTTP/1.1 400 Bad Request\r\n\r\n";
      message.assign(garbage.begin(), garbage.end());
      break;
    }
    case Reply::cut_short:
      message.resize(message.size() - 2);
      break;
    case Reply::trailing_bytes:
      message.insert(message.end(), {0xde, 0xad});
      break;
    case Reply::two_opts:
      for (auto count = dns::read_u16(message, 10); count < 2; ++count) add_opt(message);
      dns::write_u16(message, 10, 2);
      break;
    case Reply::truncated:
      message.resize(end_of_question_name(message) + 4);
      std::fill(message.begin() + 6, message.begin() + dns::header_size, std::uint8_t{0});
      message[2] |= 0x02U;
      break;
    case Reply::empty:
      message.clear();
      break;
  }
}

}  // namespace pillion::test
