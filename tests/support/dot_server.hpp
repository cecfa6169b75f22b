#pragma once
// An in-process DNS server for component tests: DNS over TLS, plain TCP and UDP on loopback, ports chosen by the
// kernel, in a thread of its own. Its manners, good and bad, can be changed while it runs, and it counts what it sees.
// Answers are those of answers.hpp unless told otherwise.
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

/// What happens to certain queries instead of a good answer. The first fault that matches a query is used.
struct QueryFault {
  /// As name_text() gives it; "*" for every name, "slow*" for every name that begins so.
  std::string name = "*";
  std::optional<std::uint16_t> type = {};  ///< nullopt for every type
  std::size_t times = unlimited;           ///< how many queries it holds for

  std::chrono::milliseconds delay{0};  ///< before the answer; other queries are answered meanwhile
  bool hold = false;                   ///< the answer waits for release()
  bool drop = false;                   ///< never answered
  bool twice = false;                  ///< answered two times
  /// What becomes of the connection (TLS and TCP): closed in order without an answer or after it, or reset without an
  /// answer.
  enum class Close : std::uint8_t { no, before_answer, after_answer, reset } close = Close::no;
  enum class Reply : std::uint8_t {
    normal,
    wrong_id,
    wrong_question,  ///< another name in the question
    wrong_type,      ///< another type in the question
    no_question,     ///< QDCOUNT 0, nothing but a header
    query,           ///< QR clear
    garbage,         ///< bytes that are no DNS message, the first two of which are not the id
    cut_short,       ///< the message's last record lacks its last bytes
    trailing_bytes,
    two_opts,   ///< a second OPT record (RFC 6891 6.1.1 forbids it)
    truncated,  ///< TC set, no records
    empty,      ///< a message of no bytes at all
  } reply = Reply::normal;
  std::optional<std::uint16_t> rcode = {};  ///< an answer with this code and no records
};

/// How connections are handled (TLS and TCP).
struct ConnectionManners {
  bool finish_handshake = true;                 ///< false: accepts, reads, and never says a word
  std::size_t close_after_answers = unlimited;  ///< closes in order after this many answers on a connection
  std::chrono::milliseconds idle_timeout{0};    ///< closes in order after so long without query or answer; 0 for never
  bool send_close_notify = true;                ///< before an orderly close (RFC 8446 6.1)
  std::size_t stall_after_queries = unlimited;  ///< stops reading after this many queries on a connection
  std::size_t max_in_flight = unlimited;  ///< reads no further while so many queries of a connection are unanswered
  bool reverse = false;                   ///< answers of one read in reverse order
  bool record_per_message = false;        ///< one TLS record for each answer instead of one for all of a read
  std::size_t record_size = 0;   ///< cuts the answers into TLS records of so many bytes; 0 for as large as may be
  std::size_t segment_size = 0;  ///< sends so many bytes at a time; 0 for as many as the kernel takes
  std::chrono::milliseconds segment_gap{0};  ///< between two such sends
};

/// Everything that can be changed while the server runs. Connection and query manners hold at once; TLS manners,
/// identity and `finish_handshake` from the next connection on.
struct ServerSettings {
  std::optional<Identity> identity = {};  ///< needed for TLS
  TlsManners tls = {};
  ConnectionManners connections = {};
  AnswerOptions answers = {};
  bool truncate_udp = false;  ///< answers everything over UDP with TC
  /// Makes the answer to a query; nullopt for the usual one. Runs in the server's thread.
  std::function<std::optional<dns::Buffer>(const ParsedQuery&, Transport)> responder = {};
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

/// One TLS record with application data that was received, in whole: RFC 8467's padding shows here.
struct ReceivedRecord {
  std::uint64_t connection = 0;
  std::size_t size = 0;      ///< bytes of plaintext
  std::size_t messages = 0;  ///< whole messages that ended in it
};

/// What has happened since the server started.
struct Counters {
  std::size_t connections = 0;       ///< accepted, TLS and TCP
  std::size_t open_connections = 0;  ///< now
  std::size_t handshakes = 0;        ///< completed, resumed ones included
  std::size_t resumed_handshakes = 0;
  std::size_t failed_handshakes = 0;  ///< ended by an alert or a close of either side
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
  /// 0 if the transport is not served.
  [[nodiscard]] std::uint16_t tls_port() const;
  [[nodiscard]] std::uint16_t plain_port() const;
  /// "127.0.0.1:853", "[::1]:853".
  [[nodiscard]] std::string tls_endpoint() const;
  [[nodiscard]] std::string plain_endpoint() const;

  // All that follows may be called from any thread but the server's own, which runs the responder.

  /// Changes the settings, and wakes connections that stalled under the old ones.
  void change(const std::function<void(ServerSettings&)>& edit);
  void on_query(QueryFault fault);
  void clear_faults();
  /// Sends the answers that are held, in the order of their queries; `reverse` turns it round.
  void release(bool reverse = false);
  /// Forgets the ticket keys: what was granted so far is refused from the next connection on.
  void refuse_old_tickets();

  enum class Ending : std::uint8_t { orderly, reset };
  /// Ends all connections; the server goes on listening.
  void close_connections(Ending ending = Ending::orderly);
  /// Connections are refused from now on; open ones stay. Returns when the sockets are closed.
  void stop_listening();
  /// Listens again on the same ports. Returns when the sockets are bound. Throws what the constructor throws.
  void listen_again();

  [[nodiscard]] Counters counters() const;
  /// The first 100,000 of each.
  [[nodiscard]] std::vector<ReceivedQuery> queries() const;
  [[nodiscard]] std::vector<ReceivedRecord> records() const;
  /// Waits until `enough` holds; false if it does not within `limit`.
  [[nodiscard]] bool wait_for(const std::function<bool(const Counters&)>& enough,
                              std::chrono::milliseconds limit = std::chrono::seconds{20}) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace pillion::test
