// How strided operands lie in memory, as a kernel argument passed by value. Host code (backend/gpu) fills the
// very struct that kernels read, so the two cannot disagree about its layout.
#pragma once
#if defined(__HIP__) || defined(__CUDACC__)
#include "device.h"
#define LAYOUT_FN DEVICE
#else
#define LAYOUT_FN inline
#endif

constexpr int LAYOUT_MAX_DIMS = 8;

// `Operands` views of one shape. Strides and offsets count elements. Axes are in row-major order: the last moves
// fastest.
template <int Operands>
struct Layout {
  int ndim;                                       // at least 1
  int shape[LAYOUT_MAX_DIMS];
  long long strides[Operands][LAYOUT_MAX_DIMS];

  // Offsets of the element that is number `linear` in row-major order. Index is u32 where all sizes fit, else u64.
  template <class Index, class Offset>
  LAYOUT_FN void offsets(Index linear, Offset (&at)[Operands]) const {
    for (int k = 0; k < Operands; k++) at[k] = 0;
    for (int i = ndim - 1; i > 0; i--) {
      Index size = (Index)shape[i], next = linear / size, digit = linear - next * size;
      for (int k = 0; k < Operands; k++) at[k] += (Offset)digit * (Offset)strides[k][i];
      linear = next;
    }
    for (int k = 0; k < Operands; k++) at[k] += (Offset)linear * (Offset)strides[k][0];
  }
  template <class Index>
  LAYOUT_FN long long offset(Index linear, int operand = 0) const {
    long long at = 0;
    for (int i = ndim - 1; i > 0; i--) {
      Index size = (Index)shape[i], next = linear / size;
      at += (long long)(linear - next * size) * strides[operand][i];
      linear = next;
    }
    return at + (long long)linear * strides[operand][0];
  }
};
