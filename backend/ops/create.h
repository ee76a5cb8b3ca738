#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

array full(const Shape& shape, const array& value, Dtype dtype, const StreamOrDevice& s = {});
array zeros(const Shape& shape, Dtype dtype, const StreamOrDevice& s = {});
array ones(const Shape& shape, Dtype dtype, const StreamOrDevice& s = {});
array full_like(const array& a, const array& value, Dtype dtype, const StreamOrDevice& s = {});
array zeros_like(const array& a, const StreamOrDevice& s = {});
array ones_like(const array& a, const StreamOrDevice& s = {});
// start, start + step, ... below stop.
array arange(double start, double stop, double step, Dtype dtype, const StreamOrDevice& s = {});

// n x m with ones on the k-th diagonal.
array eye(int n, int m, int k, Dtype dtype, const StreamOrDevice& s = {});
// n x m with ones at and below the k-th diagonal.
array tri(int n, int m, int k, Dtype dtype, const StreamOrDevice& s = {});
array tril(const array& a, int k, const StreamOrDevice& s = {});
array triu(const array& a, int k, const StreamOrDevice& s = {});
// The vector on the k-th diagonal of a square matrix, or the k-th diagonal of a matrix.
array diag(const array& a, int k, const StreamOrDevice& s = {});
// num values from start to stop, evenly spaced.
array linspace(double start, double stop, int num, bool endpoint, Dtype dtype, const StreamOrDevice& s = {});
// Window functions of signal processing, as numpy.hanning and its kind.
array hanning(int m, const StreamOrDevice& s = {});
array hamming(int m, const StreamOrDevice& s = {});
array blackman(int m, const StreamOrDevice& s = {});
array bartlett(int m, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
