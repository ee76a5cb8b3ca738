#include "backend/gpu/evaluation.h"

#include <algorithm>

#include "backend/gpu/residency.h"

namespace mlx_rocm::gpu {

void Evaluation::begin(Stream s) {
  Queue& q = enter(s);
  if (used_.empty() || (used_.back() != &q && std::find(used_.begin(), used_.end(), &q) == used_.end())) {
    used_.push_back(&q);
  }
}

void Evaluation::end() {
  // One more, for what a library launched by itself.
  current().advance();
  leave();
}

Evaluation::~Evaluation() {
  try {
    for (Queue* q : used_) q->mark();
  } catch (const std::exception&) {
    // The device failed: whoever waits for it is told.
  }
}

int count_devices() { return int(devices().size()); }
const char* why_no_device() { return driver() ? left_out().c_str() : no_driver_reason().c_str(); }

void forget(Stream s) { device(s.device.index).forget(s); }

void synchronize(Stream s) {
  Queue& q = device(s.device.index).queue(s);
  q.wait(q.issued());
}

}  // namespace mlx_rocm::gpu
