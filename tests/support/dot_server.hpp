#pragma once
// An in-process DNS server for component tests: DNS over TLS, plain TCP and UDP on loopback, ports chosen by the
// kernel, in its own thread. Its behaviour, right and wrong, can be changed while it runs, and it counts events. By
// default it gives the answers of answers.hpp.
//
//     DotServer server({.settings = {.identity = authority.issue()}});
//     server.on_query({.name = "slow.example", .delay = 1s});
//     … connect to 127.0.0.1:server.tls_port() …
//     EXPECT_TRUE(server.wait_for([](const Counters& seen) { return seen.queries == 100; }));

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/wire.hpp"
#include "support/answers.hpp"
#include "support/certificates.hpp"
#include "support/tls_server.hpp"

namespace pillion::test {

enum class Transport : std::uint8_t { tls, tcp, udp };

inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// A fault for certain queries instead of a good answer. The first fault that matches a query is used.
struct QueryFault {
  /// In the form of name_text(); "*" for every name, "slow*" for every name with this start.
  std::string name = "*";
  std::optional<std::uint16_t> type = {};  ///< nullopt for every type
  std::size_t times = unlimited;           ///< the number of queries with this fault

  std::chrono::milliseconds delay{0};  ///< before the answer; other queries are answered meanwhile
  bool hold = false;                   ///< the answer waits for release()
  bool drop = false;                   ///< never answered
  bool twice = false;                  ///< answered twice
  /// What happens to the connection (TLS and TCP): an orderly close without an answer or after it, or a reset without
  /// an answer.
  enum class Close : std::uint8_t { no, before_answer, after_answer, reset } close = Close::no;
  enum class Reply : std::uint8_t {
    normal,
    wrong_id,
    wrong_question,  ///< another name in the question
    wrong_type,      ///< another type in the question
    no_question,     ///< QDCOUNT 0, only a header
    query,           ///< QR clear
    garbage,         ///< bytes that are not a DNS message, and do not start with the id
    cut_short,       ///< the message's last record lacks its last bytes
    trailing_bytes,
    two_opts,   ///< a second OPT record (RFC 6891 6.1.1 forbids it)
    truncated,  ///< TC set, no records
    empty,      ///< a message without any bytes
  } reply = Reply::normal;
  std::optional<std::uint16_t> rcode = {};  ///< an answer with this code and no records
};

/// How connections are handled (TLS and TCP).
struct ConnectionManners {
  bool finish_handshake = true;                 ///< false: accepts and reads, and never sends
  std::size_t close_after_answers = unlimited;  ///< closes orderly after this many answers on a connection
  std::chrono::milliseconds idle_timeout{0};    ///< closes orderly after this time without query or answer; 0 for never
  bool send_close_notify = true;                ///< before an orderly close (RFC 8446 6.1)
  std::size_t stall_after_queries = unlimited;  ///< stops reading after this many queries on a connection
  std::size_t max_in_flight = unlimited;        ///< stops reading while so many queries of a connection are unanswered
  bool reverse = false;                         ///< answers of one read in reverse order
  bool record_per_message = false;              ///< one TLS record for each answer instead of one for all of a read
  std::size_t record_size = 0;   ///< splits the answers into TLS records of so many bytes; 0 for the largest size
  std::size_t segment_size = 0;  ///< sends so many bytes at a time; 0 for as many as the kernel takes
};

/// The settings that can be changed while the server runs. Those of connections and queries apply immediately; those of
/// TLS, `identity` and `finish_handshake` apply from the next connection on.
struct ServerSettings {
  std::optional<Identity> identity = {};  ///< needed for TLS
  TlsManners tls = {};
  ConnectionManners connections = {};
  AnswerOptions answers = {};
};

struct ServerOptions {
  ServerSettings settings;
  std::string address = "127.0.0.1";
  bool tls = true;
  bool plain = false;  ///< UDP and TCP on one port
};

/// One query that was received.
struct ReceivedQuery {
  Transport transport = Transport::tls;
  std::uint64_t connection = 0;  ///< counts from 1 over TLS and TCP; 0 over UDP
  std::uint16_t source_port = 0;
  std::string name;  ///< name_text()
  std::uint16_t id = 0;
  std::uint16_t type = 0;
  dns::Buffer message;  ///< as received, without the length prefix
};

/// One complete TLS record with application data that was received, which shows the padding of RFC 8467.
struct ReceivedRecord {
  std::uint64_t connection = 0;
  std::size_t size = 0;      ///< bytes of plaintext
  std::size_t messages = 0;  ///< whole messages that ended in it
};

/// The events since the start of the server.
struct Counters {
  std::size_t connections = 0;       ///< accepted, TLS and TCP
  std::size_t open_connections = 0;  ///< open now
  std::size_t handshakes = 0;        ///< completed, resumed ones included
  std::size_t resumed_handshakes = 0;
  std::size_t failed_handshakes = 0;  ///< ended by an alert or a close, of either side
  std::size_t queries = 0;            ///< well-formed, all transports
  std::size_t udp_queries = 0;
  std::size_t tcp_queries = 0;
  std::size_t tls_queries = 0;
  std::size_t malformed_queries = 0;  ///< the connection is closed after one
  std::size_t answers = 0;            ///< handed to the kernel or, over TLS, to OpenSSL
  std::size_t held = 0;               ///< answers that wait for release()
  std::size_t records = 0;            ///< TLS records with application data received
  std::size_t close_notifies = 0;     ///< received
  std::size_t unclean_closes = 0;     ///< TLS connections that the client ended without a close_notify
  std::size_t resets = 0;             ///< connections that the client reset
  std::string last_handshake_error = {};
  std::string last_alpn_offer = {};   ///< the first protocol that the client offered
  std::string last_server_name = {};  ///< SNI (RFC 6066)
  int last_tls_version = 0;           ///< TLS1_3_VERSION, …
};

class DotServer {
 public:
  /// Listens, and starts its thread. Throws boost::system::system_error or std::runtime_error.
  explicit DotServer(ServerOptions options);
  /// Closes everything and joins the thread.
  ~DotServer();
  DotServer(const DotServer&) = delete;
  DotServer& operator=(const DotServer&) = delete;

  [[nodiscard]] const std::string& address() const;
  /// The port; 0 if the transport is not served.
  [[nodiscard]] std::uint16_t tls_port() const;
  [[nodiscard]] std::uint16_t plain_port() const;
  /// "127.0.0.1:853", "[::1]:853".
  [[nodiscard]] std::string tls_endpoint() const;
  [[nodiscard]] std::string plain_endpoint() const;

  // The following functions may be called from any thread except the server's own.

  /// Changes the settings, and wakes connections that the old ones have stopped.
  void change(const std::function<void(ServerSettings&)>& edit);
  void on_query(QueryFault fault);
  void clear_faults();
  /// Sends the held answers in the order of their queries, or in the reverse order if `reverse`.
  void release(bool reverse = false);
  /// Replaces the ticket keys: from the next connection on, earlier tickets are refused.
  void refuse_old_tickets();

  enum class Ending : std::uint8_t { orderly, reset };
  /// Ends all connections. The server continues to listen.
  void close_connections(Ending ending = Ending::orderly);
  /// Connections are refused from now on; open ones stay. Returns when the sockets are closed.
  void stop_listening();
  /// Listens again on the same ports. Returns when the sockets are bound. Throws what the constructor throws.
  void listen_again();

  [[nodiscard]] Counters counters() const;
  /// The first 100,000 of each.
  [[nodiscard]] std::vector<ReceivedQuery> queries() const;
  [[nodiscard]] std::vector<ReceivedRecord> records() const;
  /// Waits until `enough` is true. False if it is not within `limit`.
  [[nodiscard]] bool wait_for(const std::function<bool(const Counters&)>& enough,
                              std::chrono::milliseconds limit = std::chrono::seconds{20}) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace pillion::test
