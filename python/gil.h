#pragma once

#include <Python.h>
#include <unistd.h>

namespace mlx_rocm {

// Other threads may use Python while this lives. When the interpreter has begun to end meanwhile, Python wants this thread
// gone and unwinds it (before Python 3.14), through frames that may not throw: the process would abort. So the thread stays
// here instead, and ends with the process.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) pause();
    }
  }

 private:
  PyThreadState* state_;
};

}  // namespace mlx_rocm
