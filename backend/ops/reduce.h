#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

using Axes = std::vector<int>;

// Reductions over `axes` (normalised by the callee; an empty list reduces nothing).
array sum(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});
array prod(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});
array max(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});
array min(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});
array all(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});
array any(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});
array mean(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});
// Mean squared deviation with divisor n - ddof.
array var(const array& a, const Axes& axes, bool keepdims = false, int ddof = 0, const StreamOrDevice& s = {});
array std(const array& a, const Axes& axes, bool keepdims = false, int ddof = 0, const StreamOrDevice& s = {});
// Index (uint32) of the extreme entry; the first of equals; NaN is the extreme.
array argmax(const array& a, int axis, bool keepdims = false, const StreamOrDevice& s = {});
array argmin(const array& a, int axis, bool keepdims = false, const StreamOrDevice& s = {});
// Over all axes.
array sum(const array& a);
// The op behind sum, with kept axes (sorted, not negative): for ops that run it themselves.
Ref<Op> sum_op(const Axes& axes);
Axes all_axes(const array& a);

}  // namespace mlx_rocm
