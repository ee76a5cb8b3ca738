// Functions composed of other ops.
#pragma once

#include <optional>

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

array isnan(const array& a, const StreamOrDevice& s = {});
array isinf(const array& a, const StreamOrDevice& s = {});
array isposinf(const array& a, const StreamOrDevice& s = {});
array isneginf(const array& a, const StreamOrDevice& s = {});
array isfinite(const array& a, const StreamOrDevice& s = {});
// |a - b| <= atol + rtol |b|, with equal infinities close.
array isclose(const array& a, const array& b, double rtol, double atol, bool equal_nan, const StreamOrDevice& s = {});
array allclose(const array& a, const array& b, double rtol, double atol, bool equal_nan, const StreamOrDevice& s = {});
array array_equal(const array& a, const array& b, bool equal_nan, const StreamOrDevice& s = {});
array round(const array& a, int decimals = 0, const StreamOrDevice& s = {});
array degrees(const array& a, const StreamOrDevice& s = {});
array radians(const array& a, const StreamOrDevice& s = {});
array nan_to_num(const array& a, double nan, std::optional<double> posinf, std::optional<double> neginf,
                 const StreamOrDevice& s = {});
// Null arrays leave that side open.
array clip(const array& a, const array& low, const array& high, const StreamOrDevice& s = {});
array diff(const array& a, int n, int axis, const StreamOrDevice& s = {});
array trace(const array& a, int offset, int axis1, int axis2, Dtype dtype, const StreamOrDevice& s = {});
array count_nonzero(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
