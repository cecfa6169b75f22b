#include "telemetry/turn_records.hpp"

namespace pillion::telemetry {

void TurnRecords::schedule() noexcept {
  try {
    loop_.schedule(*this);
    is_scheduled_ = true;
  } catch (...) {
    // Without memory for the loop's list, the record is published at once.
    sink_.publish(writer_);
  }
}

void TurnRecords::flush() {
  is_scheduled_ = false;
  sink_.publish(writer_);
}

}  // namespace pillion::telemetry
