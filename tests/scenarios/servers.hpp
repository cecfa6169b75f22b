#pragma once
// The servers of a scenario with a real group: the data that they get and send, over streams and datagrams without
// sockets. A scenario states the actions of each (server_statements.hpp).

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "scenarios/message_text.hpp"
#include "support/hand_turned.hpp"
#include "upstream/datagrams.hpp"
#include "upstream/metrics.hpp"
#include "upstream/stream.hpp"

namespace pillion::scenarios {

/// The events between the statements, which the kernel would report. Each comes at its time, and never from within the
/// call that causes it.
class Happenings final : runtime::Deadline {
 public:
  explicit Happenings(testing::HandTurned& schedule) : schedule_(schedule) {}

  void add(std::function<void()> happening, runtime::Duration after = {});

 private:
  /// The most events at one time; more show that two machines trigger each other without an end.
  static constexpr std::size_t most_at_once = 100'000;
  void expired(runtime::Time now) override;

  testing::HandTurned& schedule_;
  std::multimap<runtime::Time, std::function<void()>> later_;
  runtime::Time last_;
  std::size_t at_once_ = 0;
};

class StageServer;

/// The common part of a stream and a socket: a path for messages between Pillion and the server.
class Way {
 public:
  explicit Way(StageServer& server);
  Way(const Way&) = delete;
  Way& operator=(const Way&) = delete;
  virtual ~Way();

  virtual void deliver(dns::Buffer message, bool is_cut) = 0;
  [[nodiscard]] virtual bool is_stream() const = 0;

  bool is_silent = false;  ///< bytes vanish in both directions
  bool is_open = false;
  bool is_used = false;  ///< a query has come on it
  unsigned answers = 0;
  const std::size_t number;  ///< from 1, in the order of creation

 protected:
  /// Runs the action later, unless this object no longer exists then.
  void later(std::function<void()> happening);
  [[nodiscard]] bool is_deaf() const;

  StageServer& server_;
};

/// The server's side of a TCP or TLS connection.
class StageStream final : public Way, public upstream::Stream {
 public:
  StageStream(StageServer& server, upstream::StreamEvents& events) : Way(server), events_(events) {}

  void open() override;
  [[nodiscard]] dns::Buffer& out() override { return out_; }
  void flush_soon() override;
  void write_singly() override { singly_ = true; }
  [[nodiscard]] std::optional<upstream::Delivery> delivery() override;
  void shut_down() override;
  void close() override;

  void deliver(dns::Buffer message, bool is_cut) override;
  [[nodiscard]] bool is_stream() const override { return true; }
  /// The server reads the written data, unless it is frozen.
  void flush();
  /// The server, or the path to it, ends the connection; orderly if `error` is nullopt.
  void end(std::optional<upstream::Error> error);

 private:
  void shake_hands();
  void release();

  upstream::StreamEvents& events_;
  dns::Buffer out_;
  dns::Buffer at_server_;  // data that the server has not read yet
  dns::Buffer in_;
  bool singly_ = false;
  bool will_flush_ = false;
  bool is_over_ = false;  // for us
  bool is_released_ = false;
};

class StageDatagrams final : public Way, public upstream::Datagrams {
 public:
  StageDatagrams(StageServer& server, upstream::DatagramEvents& events) : Way(server), events_(events) {}

  void open() override;
  [[nodiscard]] dns::Buffer& out() override { return out_; }
  void end_message() override;
  void close() override;

  void deliver(dns::Buffer message, bool is_cut) override;
  [[nodiscard]] bool is_stream() const override { return false; }

 private:
  void flush();

  upstream::DatagramEvents& events_;
  dns::Buffer out_;
  std::vector<std::size_t> ends_;
  bool will_flush_ = false;
  bool is_over_ = false;
};

/// The server's action when a connection is opened.
enum class Reception : std::uint8_t {
  welcome,
  refuse,
  leave_unanswered,  ///< the TLS handshake, after that of TCP
  close_before_tls,
  reset_before_tls,
  show_bad_certificate,
  close,  ///< immediately after the handshake
  reset,
};

class StageServer {
 public:
  StageServer(std::string of_name, config::Protocol by, Happenings& happenings)
      : name(std::move(of_name)), protocol(by), happenings_(happenings) {}

  /// A query that has arrived.
  struct Asked {
    std::string text;
    Question question;
    std::uint16_t id = 0;
    std::size_t way = 0;
    bool seen = false;
    bool answered = false;
  };
  /// The differences of a reply from an ordinary one.
  struct Form {
    std::optional<Question> other_question;
    bool has_another_id = false;
    bool is_cut = false;            ///< by our buffer
    bool lacks_last_bytes = false;  ///< since the server cut it
  };
  struct Habit {
    std::string question;
    Reply reply;
    runtime::Duration after;
    Form form;
  };

  /// Marks one query that has arrived as seen; false if there is none.
  [[nodiscard]] bool see(const std::string& question);
  /// The oldest waiting query of this text that was seen, or nullptr if there is none; with `over_tcp` only one over a
  /// stream.
  [[nodiscard]] Asked* find_waiting(const Question& question, bool over_tcp = false);
  /// Sends a reply to the query, which waits no longer unless `is_forged`.
  void answer(Asked& asked, const Reply& reply, runtime::Duration after, const Form& form, bool is_forged = false);
  [[nodiscard]] std::vector<std::string> unseen() const;
  [[nodiscard]] bool has_waiting() const;
  [[nodiscard]] std::vector<Way*> open_ways(bool streams) const;
  /// The server's process continues.
  void thaw();
  /// Ends each connection; orderly if `error` is nullopt.
  void end_all(std::optional<upstream::Error> error);

  // Of the ways.
  void arrived(Way& way, dns::Bytes message);
  [[nodiscard]] Way* find(std::size_t number) const;

  const std::string name;
  const config::Protocol protocol;
  upstream::ServerMetrics metrics;
  upstream::ServerMetrics fallback_metrics;  // of TCP behind UDP

  bool is_gone = false;          ///< no host has its address
  bool is_silent = false;        ///< bytes vanish
  bool is_frozen = false;        ///< its process is stopped, and its kernel still acknowledges data
  unsigned retransmissions = 0;  ///< that our kernel has made of bytes that vanished
  Reception reception = Reception::welcome;
  upstream::Error bad_certificate = upstream::Error::certificate_untrusted;
  bool knows_edns = true;
  bool answers_probes = true;
  bool reads_one_from_a_record = false;
  std::optional<std::uint16_t> keepalive;  ///< in each reply, in units of 100 ms
  std::size_t largest_datagram = 65'535;   ///< that the system takes
  unsigned answers_per_connection = 0;     ///< after which it closes; 0: never
  std::string closes_at;                   ///< a question
  unsigned long closes_at_one_in = 0;      ///< of the load's names, by their number; 0: at none
  std::vector<Habit> prepared;             ///< each for one query
  std::optional<Habit> answers_all;        ///< NOERROR stands for one address

  std::size_t connections = 0;  ///< ever
  std::size_t ports = 0;        ///< from which it was asked over UDP
  std::size_t probes = 0;
  std::size_t probes_seen = 0;
  std::map<std::string, std::size_t> times_asked;

 private:
  friend class Way;
  void answer_by_itself(Asked& asked);
  [[nodiscard]] bool closes_on(const Question& question) const;

  Happenings& happenings_;
  std::deque<Asked> asked_;
  std::map<std::size_t, Way*> ways_;
  std::size_t ways_made_ = 0;
};

}  // namespace pillion::scenarios
