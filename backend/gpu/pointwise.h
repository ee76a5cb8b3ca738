// Elementwise programs on a GPU: a body of C++ statements, wrapped into kernels for the layouts that occur.
#pragma once

#include <string>
#include <vector>

#include "backend/gpu/gpu.h"

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
  std::string text(const std::string& variant) const;
  const Kernel& kernel(const std::string& variant) const;

  std::vector<Dtype> inputs_, outputs_;
  std::string body_;
  // Which of the kernels made from it serves a choice of operand kinds; searched in line, there are few.
  mutable std::vector<std::pair<std::string, const Kernel*>> variants_;
};

// One op of elementwise.def by its number, from and to these dtypes; made once.
const Pointwise& pointwise_op(int id, Dtype in, Dtype out);
// As a C++ expression of kernels/scalar.h: "Add()".
std::string functor(int id);

}  // namespace mlx_rocm::gpu
