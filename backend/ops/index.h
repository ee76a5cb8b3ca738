// Gather and scatter. Indices are integer arrays; a negative index counts from the end. An index that is still out
// of range reads the nearest entry and writes nothing, so that no index can touch foreign memory.
#pragma once

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

enum class ScatterMode : uint8_t { assign, sum, prod, max, min };

// out[i..., j...] = a[window at the index vector (indices[0][i...], indices[1][i...], ...) on `axes`, of slice_sizes]:
// the broadcast shape of the indices followed by slice_sizes (one entry per axis of a).
array gather(const array& a, const Arrays& indices, const Axes& axes, const Shape& slice_sizes,
             const StreamOrDevice& s = {});
// a with updates (shape: index shape + window shape) combined into those windows.
array scatter(const array& a, const Arrays& indices, const array& updates, const Axes& axes, ScatterMode mode,
              const StreamOrDevice& s = {});

// Entries of `a` at `index` (any shape) along the axis: the axis is replaced by the index's axes.
array take(const array& a, const array& index, int axis, const StreamOrDevice& s = {});
// out[..., i, ...] = a[..., index[..., i, ...], ...]; the other axes broadcast.
array take_along_axis(const array& a, const array& index, int axis, const StreamOrDevice& s = {});
// a with values put (or added: repeated indices accumulate) at index along the axis; later ones win.
array put_along_axis(const array& a, const array& index, const array& values, int axis,
                     const StreamOrDevice& s = {});
array scatter_add_along_axis(const array& a, const array& index, const array& values, int axis,
                             const StreamOrDevice& s = {});
// a with updates[i] added at index[i] of `axis` (1-d index; updates has index.size() entries along the axis and a's
// shape elsewhere).
array scatter_add_axis(const array& a, const array& index, const array& updates, int axis,
                       const StreamOrDevice& s = {});
// a with its entries where the mask (a's leading axes) is true replaced by `values`, in order.
array masked_scatter(const array& a, const array& mask, const array& values, const StreamOrDevice& s = {});
// The window of `sizes` whose corner on `axes` is the integer vector `start`; the corner is clamped into range.
array dynamic_slice(const array& a, const array& start, const Axes& axes, const Shape& sizes,
                    const StreamOrDevice& s = {});
array dynamic_slice_update(const array& a, const array& update, const array& start, const Axes& axes,
                           const StreamOrDevice& s = {});

}  // namespace mlx_rocm
