// The text of elementwise kernels.
#pragma once

#include <string>
#include <vector>

#include "backend/core/dtype.h"

namespace mlx_rocm::gpu {

// How a kernel gets at an operand, one letter each.
enum OperandKind : char {
  kValue = 's',    // by value
  kUniform = 'u',  // one element in memory
  kVector = 'v',   // neighbouring elements, aligned
  kRepeat = 'r',   // stride 0 along the last axis
  kApart = 'e',    // any other stride along the last axis
};

// What a kernel is made for.
struct PointwiseForm {
  bool flat = true;   // all operands in memory lie in one order: an index serves all; else a Layout gives their places
  bool wide = false;  // 64-bit indices
  int vec = 1;        // elements that a thread takes at a time
  std::string kinds;  // of the inputs, then of the outputs
};

// Definition of `pointwise` around `body`, statements that compute y0, y1, ... from x0, x1, ... in compute types. Arguments: the operands in
// order (values as u64 bits, else addresses), the count (of elements if flat, else of vectors), and unless flat the Layout of
// the operands in memory and the strides along the last axis of those that are apart.
std::string pointwise_text(const std::vector<Dtype>& inputs, const std::vector<Dtype>& outputs, const std::string& body,
                           const PointwiseForm& form);

}  // namespace mlx_rocm::gpu
