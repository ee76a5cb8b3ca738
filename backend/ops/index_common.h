// What the indexing ops share.
#pragma once

#include <vector>

#include "backend/core/array.h"
#include "backend/ops/index.h"

namespace mlx_rocm::indexing {

[[noreturn]] void no_index_gradient(const char* op);
// Zeros in the shape of an array and the dtype of its cotangent.
array zeros_of(const array& primal, const array& cotangent);
// Throws unless all are integral (an empty one may be of any type).
void check_indices(const Arrays& indices, const char* op);
// Gives out[0] a row-major copy of `a`, or a's own memory when it may be overwritten.
void copy_or_take(const array& a, const array& out);

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
struct Wide {
  using type = T;
};
template <>
struct Wide<float16_t> {
  using type = float;
};
template <>
struct Wide<bfloat16_t> {
  using type = float;
};

template <class T>
T merge(ScatterMode mode, T old, T update) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    bool less = old.re < update.re || (old.re == update.re && old.im < update.im);
    switch (mode) {
      case ScatterMode::assign: return update;
      case ScatterMode::sum: return {old.re + update.re, old.im + update.im};
      case ScatterMode::prod:
        return {old.re * update.re - old.im * update.im, old.re * update.im + old.im * update.re};
      case ScatterMode::max: return less ? update : old;
      case ScatterMode::min: return less ? old : update;
    }
  } else {
    using A = typename Wide<T>::type;
    A a = A(old), b = A(update);
    switch (mode) {
      case ScatterMode::assign: return update;
      case ScatterMode::sum: return T(a + b);
      case ScatterMode::prod: return T(a * b);
      case ScatterMode::max: return (a > b || a != a) ? old : update;
      case ScatterMode::min: return (a < b || a != a) ? old : update;
    }
  }
  return update;
}

}  // namespace mlx_rocm::indexing
