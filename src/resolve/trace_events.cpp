#include "resolve/trace_events.hpp"

namespace pillion::upstream::trace {

Content content_of(cache::Kind kind) {
  switch (kind) {
    case cache::Kind::positive:
      return Content::answer;
    case cache::Kind::nxdomain:
      return Content::nxdomain;
    case cache::Kind::nodata:
      return Content::nodata;
    case cache::Kind::failure:
      break;
  }
  return Content::failure;
}

Answered answered(const resolve::Answer& answer) {
  Answered event{.source = resolve::source_labels[answer.source], .rcode = answer.rcode};
  if (answer.entry != nullptr) {
    const auto header = dns::Header::of(answer.entry->wire()).value();
    event.rcode = answer.entry->rcode();
    event.answers = header.answers();
    event.errors = errors_of(answer.entry->extended_errors());
  } else if (answer.message) {
    event.answers = answer.message->header().answers();
    event.is_truncated = answer.message->header().is_truncated();
    event.errors = errors_of(answer.extended_errors);
  }
  if (answer.info_code) event.errors.push_back({.info_code = *answer.info_code, .text = std::string(answer.text)});
  return event;
}

}  // namespace pillion::upstream::trace
