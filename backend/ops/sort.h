// Ops that order elements along an axis. NaN sorts last.
#pragma once

#include <optional>
#include <string>

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

array sort(const array& a, int axis, const StreamOrDevice& s = {});
array argsort(const array& a, int axis, const StreamOrDevice& s = {});  // uint32; equal elements keep their order
// Element kth (negative counts from the end) lands where sort puts it, smaller ones before and larger ones
// after it.
array partition(const array& a, int kth, int axis, const StreamOrDevice& s = {});
array argpartition(const array& a, int kth, int axis, const StreamOrDevice& s = {});  // uint32
// The k largest elements, in no particular order.
array topk(const array& a, int k, int axis, const StreamOrDevice& s = {});
// Positions (uint32, the shape of `values`) at which a sorted 1-d sequence stays sorted; `side` is "left" or
// "right".
array searchsorted(const array& sequence, const array& values, const std::string& side,
                   const StreamOrDevice& s = {});

// The middle element, or the mean of the two in the middle; NaN when there is one.
array median(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s = {});

struct Unique {
  array values;   // (size) ascending
  array index;    // (size) uint32: where in the flattened array each value stands first
  array inverse;  // the array's shape, uint32: which value each element has
  array counts;   // (size) int32
};
// The first `size` distinct elements of the flattened array. Missing ones hold `fill` (by default the
// smallest element) and count 0.
Unique unique(const array& a, int size, const std::optional<array>& fill, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
