#include "probe/ask_once.hpp"

#include <functional>
#include <optional>
#include <utility>

#include "presentation/mnemonics.hpp"
#include "probe/certificates.hpp"
#include "probe/findings.hpp"
#include "probe/owned_connection.hpp"

namespace pillion::probe {
namespace asio = boost::asio;
namespace {

class SingleExchange {
 public:
  SingleExchange(runtime::Log& log, const ProbeTarget& target, dns::Bytes name, std::uint16_t type, bool wants_dnssec,
                 std::chrono::milliseconds patience)
      : loop_(log),
        target_(target),
        patience_(patience),
        query_(name, type, wants_dnssec, [this] { connection_->notify(); }) {
    if (target.protocol == config::Protocol::tls) tls_.emplace(target.tls);
    access_.emplace(target.server, target.protocol, target.padding, tls_ ? &*tls_ : nullptr);
    if (!access_->identity) return;
    access_->identity->watch_certificates(
        [this](const STACK_OF(X509) * chain) { figures_.tls.emplace().chain = read_certificates(chain); });
  }

  std::expected<SingleReply, std::string> run() {
    figures_.measured_at = std::chrono::system_clock::now();
    query_.keep_message_in(reply_.message);
    loop_.tasks().spawn(ask(), "query");
    loop_.tasks().when_empty([this] { loop_.release_timer(); });
    loop_.run();
    if (!problem_.empty()) return std::unexpected(problem_);
    return std::move(reply_);
  }

 private:
  asio::awaitable<void> ask() {
    const auto started = loop_.clock().refresh();
    connection_.emplace(loop_, *access_);
    const auto opened = co_await connection_->open();
    if (opened) {
      reply_.handshake = opened->handshake;
      connection_->submit(query_);
      std::function<bool()> has_ended = [this] { return !query_.is_under_way(); };
      co_await connection_->wait_until(std::move(has_ended), started + patience_);
      judge(started);
    } else {
      figures_.failure = opened.error();
      problem_ = failure_text(target_, figures_);
    }
    connection_->abandon(query_);
    co_await connection_->close();
  }

  void judge(runtime::Time started) {
    reply_.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(loop_.clock().refresh() - started);
    if (query_.is_under_way()) {
      problem_ = "no reply within " + std::to_string(patience_.count() / 1000) + " s";
    } else if (!query_.reply()) {
      figures_.failure = connection_->why_unanswered(query_);
      problem_ = failure_text(target_, figures_);
    } else if (reply_.message.empty()) {
      problem_ = "the reply is " + presentation::rcode_to_text(query_.reply()->rcode) + " without a question";
    }
  }

  runtime::Loop loop_;
  const ProbeTarget& target_;
  std::chrono::milliseconds patience_;
  std::optional<upstream::TlsContext> tls_;
  std::optional<upstream::ServerAccess> access_;
  std::optional<OwnedConnection> connection_;
  AskedQuery query_;
  ProbeFigures figures_;
  SingleReply reply_;
  std::string problem_;
};

}  // namespace

std::expected<SingleReply, std::string> ask_once(runtime::Log& log, const ProbeTarget& target, dns::Bytes name,
                                                 std::uint16_t type, bool wants_dnssec,
                                                 std::chrono::milliseconds patience) {
  return SingleExchange(log, target, name, type, wants_dnssec, patience).run();
}

}  // namespace pillion::probe
