// Launches of gather and scatter (kernels/gather.hip, scatter.hip, along_axis.hip). Outputs have memory
// already.
#pragma once

#include "backend/gpu/gpu.h"
#include "backend/ops/index.h"

namespace mlx_rocm::gpu {

// out[i..., w...] = x[window at (indices[0][i...], ...) on `axes`]. Gives `out` its memory: in the order in
// which x lies where one axis is indexed, so that take() along an inner axis returns a row-contiguous array.
void gather(const array& x, const Arrays& indices, const Axes& axes, const Shape& window, const array& out);
// x[window at ...] = combine(that, updates). x is row-contiguous; updates may have a type that converts to
// x's, when the mode is no assignment. clamp: a window out of range goes to the nearest place instead of
// nowhere.
void scatter(const array& x, const Arrays& indices, const Axes& axes, const array& updates, ScatterMode mode,
             bool clamp = false);

// out[..., j, ...] = x[..., index[..., j, ...], ...]; shapes agree but for the axis.
void gather_axis(const array& x, const array& index, int axis, const array& out);
// x[..., index[..., j, ...], ...] = combine(that, updates[..., j, ...]).
void scatter_axis(const array& x, const array& index, int axis, const array& updates, ScatterMode mode);

// out = zeros with values[i] added at index[i] (of any shape, as many as values has entries along axis 0)
// along axis 0. Sums of half types are formed in float. out has memory.
void sum_by_index(const array& values, const array& index, const array& out);

// Entry k of the integer vector `start` as a 0-d array each: the corner of a window whose place only the GPU
// knows.
Arrays corner_indices(const array& start);

// An array of its own over the memory of `a`.
array view(const array& a, Shape shape, Strides strides, int64_t offset_elements = 0);

}  // namespace mlx_rocm::gpu
