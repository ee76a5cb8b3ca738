// Ops that move elements without changing them. Most are views.
#pragma once

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

array broadcast_to(const array& a, const Shape& shape, const StreamOrDevice& s = {});
// One entry may be -1.
array reshape(const array& a, const Shape& shape, const StreamOrDevice& s = {});
array flatten(const array& a, int start_axis = 0, int end_axis = -1, const StreamOrDevice& s = {});
array transpose(const array& a, const Axes& axes, const StreamOrDevice& s = {});
array transpose(const array& a, const StreamOrDevice& s = {});  // reverses the axes
array swapaxes(const array& a, int axis1, int axis2, const StreamOrDevice& s = {});
array moveaxis(const array& a, int source, int destination, const StreamOrDevice& s = {});
array expand_dims(const array& a, const Axes& axes, const StreamOrDevice& s = {});
array squeeze(const array& a, const Axes& axes, const StreamOrDevice& s = {});
// The basic slice start:stop:stride per axis (stop exclusive; strides may be negative; bounds already normalised).
array slice(const array& a, const Shape& start, const Shape& stop, const Shape& strides,
            const StreamOrDevice& s = {});
// `a` with that slice replaced by `update` (broadcast to the slice's shape).
array slice_update(const array& a, const array& update, const Shape& start, const Shape& stop, const Shape& strides,
                   const StreamOrDevice& s = {});
array unflatten(const array& a, int axis, const Shape& shape, const StreamOrDevice& s = {});
Arrays broadcast_arrays(const Arrays& arrays, const StreamOrDevice& s = {});
array squeeze(const array& a, const StreamOrDevice& s = {});  // every axis of size 1
// A view with these strides (in elements) from element `offset` of the row-major flattened array.
array as_strided(const array& a, const Shape& shape, const Strides& strides, int64_t offset,
                 const StreamOrDevice& s = {});
array diagonal(const array& a, int offset = 0, int axis1 = 0, int axis2 = 1, const StreamOrDevice& s = {});
array flip(const array& a, const Axes& axes, const StreamOrDevice& s = {});
array contiguous(const array& a, bool allow_col_major = false, const StreamOrDevice& s = {});
array copy(const array& a, const StreamOrDevice& s = {});
array stop_gradient(const array& a, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
