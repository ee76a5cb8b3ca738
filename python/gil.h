#pragma once

#include <Python.h>

namespace mlx_rocm {

// Other threads may use Python while this lives. Once the process has begun to end, threads other than the one that ends it
// stay here and end with the process: inside, they would use libraries that are being taken down; and Python, which wants
// them gone, unwinds them (before Python 3.14) through frames that may not throw.
class WithoutGil {
 public:
  WithoutGil();
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil();

 private:
  PyThreadState* state_;
};

// For Python's atexit, which comes before anything is taken down: waits until no other thread is inside a WithoutGil, ten
// seconds at most (a long computation of the CPU is cut off then, as ever).
void end_threads_outside_gil();

}  // namespace mlx_rocm
