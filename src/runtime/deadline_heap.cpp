#include "runtime/deadline_heap.hpp"

#include <algorithm>
#include <utility>

namespace pillion::runtime {

Deadline::~Deadline() {
  if (heap_ != nullptr) heap_->clear(*this);
}

void DeadlineHeap::place(std::size_t index, Deadline* deadline) {
  heap_[index] = deadline;
  deadline->index_ = index;
}

void DeadlineHeap::sift_up(std::size_t index) {
  auto* const moving = heap_[index];
  while (index > 0) {
    const auto parent = (index - 1) / 2;
    if (heap_[parent]->at_ <= moving->at_) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, moving);
}

void DeadlineHeap::sift_down(std::size_t index) {
  auto* const moving = heap_[index];
  while (true) {
    auto child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->at_ < heap_[child]->at_) ++child;
    if (moving->at_ <= heap_[child]->at_) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, moving);
}

void DeadlineHeap::set(Deadline& deadline, Time at) {
  if (!deadline.is_set()) {
    // A deadline that expire() has taken out but not yet fired is no longer due: it now fires at `at`.
    clear(deadline);
    deadline.at_ = at;
    deadline.heap_ = this;
    heap_.push_back(&deadline);
    sift_up(heap_.size() - 1);
    return;
  }
  const bool later = at > deadline.at_;
  deadline.at_ = at;
  if (later) {
    sift_down(deadline.index_);
  } else {
    sift_up(deadline.index_);
  }
}

void DeadlineHeap::clear(Deadline& deadline) {
  if (!deadline.is_set()) {
    if (!due_.empty()) std::replace(due_.begin(), due_.end(), &deadline, static_cast<Deadline*>(nullptr));
    return;
  }
  const auto index = deadline.index_;
  deadline.index_ = Deadline::unset;
  auto* const last = heap_.back();
  heap_.pop_back();
  if (last == &deadline) return;
  place(index, last);
  sift_up(index);
  sift_down(last->index_);
}

std::optional<Time> DeadlineHeap::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->at_;
}

void DeadlineHeap::expire(Time now) {
  while (!heap_.empty() && heap_.front()->at_ <= now) {
    due_.push_back(heap_.front());
    clear(*heap_.front());
  }
  for (std::size_t i = 0; i < due_.size(); ++i) {
    if (auto* const deadline = std::exchange(due_[i], nullptr)) deadline->expired(now);
  }
  due_.clear();
}

}  // namespace pillion::runtime
