// `pillion query` against a server whose replies each test chooses.

#include <array>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/cli.hpp"
#include "dns/edns.hpp"
#include "dns/framing.hpp"
#include "dns/message.hpp"

namespace pillion::cli {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Messages = std::vector<dns::Buffer>;
/// Makes the replies to a query, in order. No reply: the server closes the TCP connection.
using Answers = std::function<Messages(dns::Bytes query)>;

/// Serves one query over UDP and one over TCP, on its own port on loopback.
class Server {
 public:
  Server(Answers over_udp, Answers over_tcp) : over_udp_(std::move(over_udp)), over_tcp_(std::move(over_tcp)) {
    bind();
    datagram_.resize(dns::max_message_size);
    udp_.async_receive_from(asio::buffer(datagram_), peer_, [this](const auto& error, std::size_t size) {
      if (error) return;
      for (const auto& message : over_udp_(dns::Bytes(datagram_).first(size)))
        udp_.send_to(asio::buffer(message), peer_);
    });
    acceptor_.async_accept([this](const auto& error, tcp::socket socket) {
      if (error) return;
      dns::Buffer prefix(dns::frame_prefix);
      asio::read(socket, asio::buffer(prefix));
      dns::Buffer query(dns::read_u16(prefix, 0));
      asio::read(socket, asio::buffer(query));
      for (const auto& message : over_tcp_(query)) {
        dns::Buffer frame;
        const auto start = dns::begin_frame(frame);
        dns::append(frame, message);
        dns::end_frame(frame, start);
        asio::write(socket, asio::buffer(frame));
      }
    });
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Server() {
    io_.stop();
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  /// The port that the kernel chooses for UDP may be in use for TCP. Then it chooses again.
  void bind() {
    for (boost::system::error_code error = asio::error::address_in_use; error;) {
      udp_ = udp::socket(io_, udp::endpoint(asio::ip::address_v4::loopback(), 0));
      acceptor_ = tcp::acceptor(io_, tcp::v4());
      acceptor_.bind({asio::ip::address_v4::loopback(), udp_.local_endpoint().port()}, error);
    }
    port_ = udp_.local_endpoint().port();
    acceptor_.listen();
  }

  asio::io_context io_{1};
  udp::socket udp_{io_};
  tcp::acceptor acceptor_{io_};
  udp::endpoint peer_;
  dns::Buffer datagram_;
  std::uint16_t port_ = 0;
  Answers over_udp_;
  Answers over_tcp_;
  std::thread thread_;
};

Messages nothing(dns::Bytes) {
  return {};
}

/// The header and question of `query` with these flags and RCODE, and no records.
dns::Buffer header_and_question(dns::Bytes query, unsigned flags_and_rcode) {
  const auto end = dns::MessageView::parse(query)->question_end();
  dns::Buffer message(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(end));
  dns::write_u16(message, 2, static_cast<std::uint16_t>(flags_and_rcode));
  dns::write_u16(message, 6, 0);
  dns::write_u16(message, 8, 0);
  dns::write_u16(message, 10, 0);
  return message;
}

/// An answer with one A record and an OPT record.
dns::Buffer address_answer(dns::Bytes query) {
  auto message = header_and_question(query, dns::flag::qr | dns::flag::rd | dns::flag::ra);
  dns::write_u16(message, 6, 1);
  for (const auto number : std::array<std::uint16_t, 8>{0xc00cU, 1U, 1U, 0U, 300U, 4U, 0xc000U, 0x0201U})
    dns::append_u16(message, number);
  const dns::OptWriter options(message, 0, {.present = true, .udp_payload = 1232, .dnssec_ok = false, .options = {}});
  return message;
}

dns::Buffer truncated(dns::Bytes query) {
  return header_and_question(query, dns::flag::qr | dns::flag::tc | dns::flag::rd);
}

struct QueryRun {
  int exit_code;
  std::string out;
  std::string err;
};

QueryRun query(const Server& server, std::vector<std::string> args) {
  args.insert(args.begin(), "query");
  args.insert(args.end(), {"--server", server.endpoint()});
  std::ostringstream out;
  std::ostringstream err;
  const int exit_code = main(args, out, err);
  return {.exit_code = exit_code, .out = out.str(), .err = err.str()};
}

TEST(Query, PrintsAnAnswer) {
  const Server server([](dns::Bytes asked) { return Messages{address_answer(asked)}; }, nothing);
  const auto result = query(server, {"Example.com"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("^;; NOERROR, id [0-9]+, flags: qr rd ra\n"
                                        ";; EDNS: version 0, udp 1232\n"
                                        ";; question\n"
                                        ";Example.com.\tIN\tA\n"
                                        ";; answer\n"
                                        "Example.com.\t300\tIN\tA\t192.0.2.1\n"
                                        ";; 127.0.0.1:[0-9]+ over udp in [0-9]+\\.[0-9] ms, 56 bytes\n$"));
  EXPECT_THAT(result.err, IsEmpty());
}

TEST(Query, PrintsOneJsonObject) {
  const Server server([](dns::Bytes asked) { return Messages{address_answer(asked)}; }, nothing);
  const auto result = query(server, {"example.com", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  auto object = boost::json::parse(result.out).as_object();
  EXPECT_TRUE(object.erase("id"));
  EXPECT_TRUE(object.at("time_ms").is_double());
  object.erase("time_ms");
  EXPECT_EQ(object, boost::json::parse(R"({
    "status": "NOERROR", "flags": ["qr", "rd", "ra"],
    "question": {"name": "example.com.", "class": "IN", "type": "A"},
    "answer": [{"name": "example.com.", "class": "IN", "type": "A", "ttl": 300, "data": "192.0.2.1"}],
    "authority": [], "additional": [],
    "edns": {"version": 0, "udp_payload": 1232, "dnssec_ok": false, "extended_errors": []},
    "server": ")" + server.endpoint() + R"(", "transport": "udp", "size": 56})"));
}

TEST(Query, AsksWithTheTypeAndTheBitsGiven) {
  dns::Buffer asked;
  {
    const Server server(
        [&](dns::Bytes message) {
          asked.assign(message.begin(), message.end());
          return Messages{header_and_question(message, dns::flag::qr | dns::rcode::nxdomain)};
        },
        nothing);
    const auto result = query(server, {"example.com", "txt", "--dnssec"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, StartsWith(";; NXDOMAIN, "));
  }  // the server's thread is joined
  const auto view = dns::MessageView::parse(asked);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->question().type, dns::type::txt);
  EXPECT_EQ(view->header().flags(), dns::flag::rd);
  EXPECT_TRUE(dns::read_edns(*view).dnssec_ok);
}

TEST(Query, AsksAgainOverTcpWhereTheAnswerIsTruncated) {
  const Server server([](dns::Bytes asked) { return Messages{truncated(asked)}; },
                      [](dns::Bytes asked) { return Messages{address_answer(asked)}; });
  const auto result = query(server, {"example.com"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("\t192.0.2.1\n"), HasSubstr(" over tcp in ")));
}

TEST(Query, StaysOnUdpWhereToldTo) {
  const Server server([](dns::Bytes asked) { return Messages{truncated(asked)}; }, nothing);
  const auto result = query(server, {"example.com", "--udp"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("flags: qr tc rd\n"), HasSubstr(" over udp in ")));
}

TEST(Query, StartsWithTcpWhereToldTo) {
  const Server server(nothing, [](dns::Bytes asked) { return Messages{address_answer(asked)}; });
  const auto result = query(server, {"example.com", "--tcp"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(" over tcp in "));
}

TEST(Query, PassesOverDatagramsThatAreNoReply) {
  const Server server(
      [](dns::Bytes asked) {
        auto wrong_id = address_answer(asked);
        wrong_id[0] ^= 1U;
        auto wrong_question = address_answer(asked);
        wrong_question[13] ^= 1U;
        auto not_a_response = address_answer(asked);
        not_a_response[2] &= 0x7fU;
        auto no_question = dns::Buffer(asked.begin(), asked.begin() + 12);
        dns::write_u16(no_question, 2, dns::flag::qr);
        dns::write_u16(no_question, 4, 0);
        const dns::Buffer garbage{1, 2, 3};
        return Messages{wrong_id, wrong_question, not_a_response, no_question, garbage, address_answer(asked)};
      },
      nothing);
  const auto result = query(server, {"example.com"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\t192.0.2.1\n"));
}

TEST(Query, PrintsTheServersReason) {
  const Server server(
      [](dns::Bytes asked) {
        auto message = header_and_question(asked, dns::flag::qr | dns::rcode::servfail);
        dns::OptWriter options(message, 0, {.present = true, .udp_payload = 1232, .dnssec_ok = false, .options = {}});
        options.add_extended_error(dns::extended_error::no_reachable_authority, "certificate expired\x1b[2J");
        return Messages{message};
      },
      nothing);
  const auto result = query(server, {"example.com"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(StartsWith(";; SERVFAIL, "),
                    HasSubstr("\n;; extended error 22 (No Reachable Authority): certificate expired\\027[2J\n")));
}

TEST(Query, PrintsAnErrorThatIsOnlyAHeader) {
  const Server server(
      [](dns::Bytes asked) {
        dns::Buffer message(asked.begin(), asked.begin() + 12);
        dns::write_u16(message, 2, dns::flag::qr | dns::rcode::formerr);
        dns::write_u16(message, 4, 0);
        dns::write_u16(message, 10, 0);
        return Messages{message};
      },
      nothing);
  const auto result = query(server, {"example.com"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("^;; FORMERR, id [0-9]+, flags: qr\n;; 127.0.0.1:"));
}

TEST(Query, AnAnswerWithoutTheRecordIsAFailureWhereOneIsRequired) {
  const auto ask = [](const Answers& answers) {
    const Server server(answers, nothing);
    return query(server, {"example.com", "--require-answer"});
  };
  EXPECT_EQ(ask([](dns::Bytes asked) { return Messages{address_answer(asked)}; }).exit_code, 0);
  for (const unsigned rcode : {dns::rcode::noerror, dns::rcode::servfail, dns::rcode::nxdomain}) {
    const auto result =
        ask([&](dns::Bytes asked) { return Messages{header_and_question(asked, dns::flag::qr | rcode)}; });
    EXPECT_EQ(result.exit_code, 1) << rcode;
    EXPECT_THAT(result.out, StartsWith(";; ")) << "what there is, is printed";
    EXPECT_THAT(result.err, HasSubstr("has no record of type A\n"));
  }
  // Only an alias, whose target has no address.
  const auto alias = ask([](dns::Bytes asked) {
    auto message = address_answer(asked);
    dns::write_u16(message, dns::MessageView::parse(asked)->question_end() + 2, dns::type::cname);
    dns::write_u16(message, dns::MessageView::parse(asked)->question_end() + 10, 2);
    message.resize(dns::MessageView::parse(asked)->question_end() + 12);
    dns::append_u16(message, 0xc00c);
    dns::write_u16(message, 10, 0);
    return Messages{message};
  });
  EXPECT_EQ(alias.exit_code, 1);
  EXPECT_THAT(alias.out, HasSubstr("\tCNAME\texample.com.\n"));
}

TEST(Query, AClosedConnectionIsNoAnswer) {
  const Server server(nothing, nothing);
  const auto result = query(server, {"example.com", "--tcp"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_EQ(result.err, "pillion: query: no answer from " + server.endpoint() + ": the server closed the connection\n");
}

TEST(Query, AnotherMessageOverTcpIsNoAnswer) {
  const Server server(nothing, [](dns::Bytes asked) {
    auto wrong_id = address_answer(asked);
    wrong_id[0] ^= 1U;
    return Messages{wrong_id};
  });
  const auto result = query(server, {"example.com", "--tcp"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the server sent something that is not a reply to this query"));
}

TEST(Query, ARefusedConnectionIsNoAnswer) {
  // A bound socket that does not listen: no other program gets the port, and nothing answers.
  asio::io_context io;
  tcp::acceptor unheard(io, tcp::v4());
  unheard.bind({asio::ip::address_v4::loopback(), 0});
  const auto endpoint = "127.0.0.1:" + std::to_string(unheard.local_endpoint().port());
  std::ostringstream out;
  std::ostringstream err;
  const std::vector<std::string> args{"query", "example.com", "--tcp", "--server", endpoint};
  EXPECT_EQ(main(args, out, err), 1);
  EXPECT_EQ(err.str(), "pillion: query: no answer from " + endpoint + ": Connection refused\n");
}

}  // namespace
}  // namespace pillion::cli
