// What the graph's evaluation and the device functions ask of GPUs. Answers without opening a driver where that is possible.
#pragma once

#include <functional>
#include <vector>

#include "backend/core/device.h"

namespace mlx_rocm::gpu {

class Queue;

// One eval() or async_eval(): runs ops on their streams and, at its end, marks how far each stream has come, so that whoever waits for
// an array of this evaluation does not wait for later ones.
class Evaluation {
 public:
  ~Evaluation();
  template <class F>
  void run(Stream s, F launch) {
    begin(s);
    try {
      launch();
    } catch (...) {
      end();
      throw;
    }
    end();
  }

 private:
  void begin(Stream s);
  void end();

  std::vector<Queue*> used_;
};

int count_devices();
const char* why_no_device();
void synchronize(Stream s);
void forget(Stream s);  // its thread has ended

}  // namespace mlx_rocm::gpu
