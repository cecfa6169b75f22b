#include "resolve/resolution_failure.hpp"

namespace pillion::resolve {
namespace {

/// The longest reply in bytes that is kept of a server that could or would not answer. Most such replies have no
/// record but the OPT.
constexpr std::size_t max_kept_message = 1232;

}  // namespace

void ResolutionFailure::note_refusal(std::size_t server, const upstream::Reply& reply) {
  if (rcode_) return;
  rcode_ = reply.rcode;
  refusing_server_ = server;
  message_.clear();
  // For a long reply, the code is enough.
  if (reply.message && reply.message->bytes().size() <= max_kept_message) dns::append(message_, reply.message->bytes());
}

void ResolutionFailure::note_error(std::size_t server, upstream::Error error) {
  error_ = error;
  error_server_ = server;
}

Answer ResolutionFailure::answer(std::string_view name, std::string& text) const {
  if (rcode_) {
    Answer answer{.rcode = *rcode_};
    if (const auto parsed = dns::MessageView::parse(message_)) answer.message = *parsed;
    return answer;
  }
  const auto& traits = upstream::traits(error_);
  text = traits.text;
  text += " at ";
  text += name;
  return {.rcode = traits.rcode, .info_code = traits.info_code, .text = text, .may_be_cached = traits.may_be_cached};
}

void ResolutionFailure::recycle() {
  rcode_.reset();
  refusing_server_ = 0;
  dns::recycle(message_);
  note_error(0, upstream::Error::timeout);
}

}  // namespace pillion::resolve
