// What the indexing ops share.
#pragma once

#include <vector>

#include "backend/core/array.h"
#include "backend/cpu/functors.h"
#include "backend/ops/index.h"

namespace mlx_rocm::indexing {

[[noreturn]] void no_index_gradient(const char* op);
// Zeros in the shape of an array and the dtype of its cotangent.
array zeros_of(const array& primal, const array& cotangent);
// Throws unless all are integral (an empty one may be of any type).
void check_indices(const Arrays& indices, const char* op);
// Gives out[0] a row-major copy of `a`, or a's own memory when it may be overwritten.
void copy_or_take(const array& a, const array& out);
void gpu_copy_or_take(const array& a, const array& out);

// Element offsets into an array for every position of the broadcast index arrays.
// valid[i] is false where an index is out of range (the offset is then clamped).
struct Offsets {
  std::vector<int64_t> at;
  std::vector<char> valid;
};

// The index arrays are in[first, first + count).
Offsets index_offsets(const Arrays& in, size_t first, size_t count, const Axes& axes, const Shape& source,
                      const Strides& strides, const Shape& slice_sizes);

template <class F>
void by_item_size(size_t item, F f) {
  switch (item) {
    case 1: return f(TypeTag<uint8_t>{});
    case 2: return f(TypeTag<uint16_t>{});
    case 4: return f(TypeTag<uint32_t>{});
    default: return f(TypeTag<uint64_t>{});
  }
}

template <class T>
T merge(ScatterMode mode, T old, T update) {
  namespace f = cpu::functors;
  const auto a = f::widen(old), b = f::widen(update);
  switch (mode) {
    case ScatterMode::assign: break;
    case ScatterMode::sum: return f::narrow<T>(f::Add{}(a, b));
    case ScatterMode::prod: return f::narrow<T>(f::Multiply{}(a, b));
    case ScatterMode::max: return f::narrow<T>(f::Maximum{}(a, b));
    case ScatterMode::min: return f::narrow<T>(f::Minimum{}(a, b));
  }
  return update;
}

}  // namespace mlx_rocm::indexing
