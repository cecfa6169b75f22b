#include "app/handshake_proof.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "dns/framing.hpp"
#include "dns/message.hpp"
#include "dns/response.hpp"
#include "runtime/loop.hpp"
#include "upstream/socket_stream.hpp"

namespace pillion::app {
namespace asio = boost::asio;
namespace {

/// How often to check whether the time is over, or the reload was cancelled.
constexpr std::chrono::milliseconds poll{50};

/// Under TLS 1.3 a server rejects a client's certificate after the client's handshake has completed (RFC 8446 section
/// 4.4.2.4). It says so when it gets a query: at once, or not at all.
constexpr std::chrono::milliseconds refusal_patience{500};

/// One handshake with one server.
class Trial final : public upstream::StreamEvents {
 public:
  Trial(runtime::Loop& loop, const ProofTarget& target, const config::Server& server, std::function<void()> decided)
      : loop_(loop),
        server_(server),
        shows_certificate_(target.tls.client_not_after().has_value()),
        identity_(server),
        decided_(std::move(decided)) {
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(server.endpoint.address), server.endpoint.port);
    stream_ = std::make_unique<upstream::TlsSocketStream>(loop, endpoint, *this, target.tls, identity_);
    stream_->open();
  }

  [[nodiscard]] bool has_succeeded() const { return succeeded_; }
  [[nodiscard]] bool is_over() const { return succeeded_ || !problem_.empty(); }
  /// "1.1.1.1:853: certificate name mismatch (…)".
  [[nodiscard]] std::string text() const {
    return config::to_string(server_.endpoint) + ": " + (problem_.empty() ? "no answer in time" : problem_);
  }
  /// If the server has been silent for long after a query, it accepts our certificate.
  void look(runtime::Time now) {
    if (!is_over() && asked_at_ && now - *asked_at_ >= refusal_patience) succeed();
  }
  void close() {
    if (!std::exchange(closed_, true)) stream_->close();
  }

 private:
  void connected() override {}
  void opened(const upstream::Handshake& /*handshake*/) override {
    if (!shows_certificate_) return succeed();
    constexpr std::array<std::uint8_t, 1> root = {0};
    const auto start = dns::begin_frame(stream_->out());
    dns::append_query(stream_->out(), loop_.random().u16(), dns::flag::rd, root, dns::type::ns, dns::klass::in);
    dns::end_frame(stream_->out(), start);
    stream_->flush_soon();
    asked_at_ = loop_.clock().now();
  }
  [[nodiscard]] std::size_t arrived(dns::Bytes bytes) override {
    if (!is_over()) succeed();
    return bytes.size();
  }
  [[nodiscard]] bool expects_more() const override { return false; }
  void ended(std::optional<upstream::Error> error, std::string detail) override {
    if (!is_over()) {
      problem_ = error ? std::string(upstream::traits(*error).text) : "closed by the server";
      if (!detail.empty()) problem_ += " (" + detail + ')';
    }
    close();
    decided_();
  }
  void released() override {}

  void succeed() {
    succeeded_ = true;
    stream_->shut_down();
    decided_();
  }

  runtime::Loop& loop_;
  const config::Server& server_;
  bool shows_certificate_;
  upstream::TlsIdentity identity_;
  std::function<void()> decided_;
  std::unique_ptr<upstream::TlsSocketStream> stream_;
  std::optional<runtime::Time> asked_at_;
  bool succeeded_ = false;
  bool closed_ = false;
  std::string problem_;
};

/// All handshakes, with their common deadline.
class Proof final : runtime::Deadline {
 public:
  Proof(runtime::Loop& loop, const std::vector<ProofTarget>& targets, runtime::Duration patience,
        const std::atomic<bool>& cancelled)
      : loop_(loop), until_(loop.clock().refresh() + patience), cancelled_(cancelled) {
    for (const auto& target : targets) {
      auto& trials = trials_.emplace_back();
      for (const auto& server : target.upstream.servers)
        trials.push_back(std::make_unique<Trial>(loop, target, server, [this] { look(); }));
    }
    loop_.set_deadline(*this, loop_.clock().now() + poll);
  }

  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const auto& trials : trials_) {
      auto& text = texts.emplace_back();
      if (has_succeeded(trials)) continue;
      for (const auto& trial : trials) text += (text.empty() ? "" : "; ") + trial->text();
    }
    return texts;
  }

 private:
  using Trials = std::vector<std::unique_ptr<Trial>>;

  static bool has_succeeded(const Trials& trials) {
    return std::ranges::any_of(trials, [](const auto& trial) { return trial->has_succeeded(); });
  }
  static bool is_decided(const Trials& trials) {
    return has_succeeded(trials) || std::ranges::all_of(trials, [](const auto& trial) { return trial->is_over(); });
  }
  void look() {
    if (!is_finished_ && std::ranges::all_of(trials_, is_decided)) finish();
  }
  void expired(runtime::Time now) override {
    if (now >= until_ || cancelled_) return finish();
    loop_.set_deadline(*this, now + poll);
    for (const auto& trials : trials_) {
      for (const auto& trial : trials) trial->look(now);
    }
  }
  void finish() {
    is_finished_ = true;
    loop_.clear_deadline(*this);
    for (const auto& trials : trials_) {
      for (const auto& trial : trials) trial->close();
    }
    loop_.release_timer();
  }

  runtime::Loop& loop_;
  runtime::Time until_;
  const std::atomic<bool>& cancelled_;
  std::vector<Trials> trials_;
  bool is_finished_ = false;
};

}  // namespace

std::vector<std::string> prove_handshakes(runtime::Log& log, const std::vector<ProofTarget>& targets,
                                          runtime::Duration patience, const std::atomic<bool>& cancelled) {
  if (targets.empty()) return {};
  runtime::Loop loop(log);
  const Proof proof(loop, targets, patience, cancelled);
  loop.run();
  return proof.texts();
}

}  // namespace pillion::app
