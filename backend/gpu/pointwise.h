// Elementwise programs on a GPU: a body of C++ statements, wrapped into kernels for the layouts that occur.
#pragma once

#include <string>
#include <vector>

#include "backend/gpu/gpu.h"
#include "backend/gpu/pointwise_text.h"

namespace mlx_rocm::gpu {

// Statements that compute y0, y1, ... from x0, x1, ..., all in compute types (float for the halves). Functors are those of
// kernels/scalar.h.
class Pointwise {
 public:
  Pointwise(std::vector<Dtype> inputs, std::vector<Dtype> outputs, std::string body);

  // Runs it on inputs broadcast to the outputs' shape. Outputs without memory get it here: an input's that may be
  // overwritten, else fresh. Scalars that the host knows travel as arguments.
  void operator()(const Arrays& in, const Arrays& out) const;

 private:
  friend class PointwiseLaunch;
  const Kernel& kernel(const PointwiseForm& form, int device) const;

  std::vector<Dtype> inputs_, outputs_;
  std::string body_;
  struct Variant {
    PointwiseForm form;
    int device;
    const Kernel* kernel;
  };
  mutable std::vector<Variant> variants_;  // searched in line, there are few
};

// One op of elementwise.def by its number, from and to these dtypes; made once.
const Pointwise& pointwise_op(int id, Dtype in, Dtype out);
// As a C++ expression of kernels/scalar.h: "Add()".
std::string functor(int id);

}  // namespace mlx_rocm::gpu
