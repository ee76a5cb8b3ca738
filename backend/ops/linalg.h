// Linear algebra. Factorisations work on the last two axes, on a CPU stream, through LAPACK.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm::linalg {

using NormOrder = std::variant<std::monostate, double, std::string>;
// Vector norm over one axis, matrix norm over two; without axes the 2-norm of all elements, or `ord` of all
// axes.
array norm(const array& a, const NormOrder& ord, const std::optional<Axes>& axes, bool keepdims,
           const StreamOrDevice& s = {});
array cross(const array& a, const array& b, int axis, const StreamOrDevice& s = {});

std::pair<array, array> qr(const array& a, const StreamOrDevice& s = {});
Arrays svd(const array& a, bool compute_uv, const StreamOrDevice& s = {});  // U, S, Vh; or S alone
array inv(const array& a, const StreamOrDevice& s = {});
array tri_inv(const array& a, bool upper, const StreamOrDevice& s = {});
array cholesky(const array& a, bool upper, const StreamOrDevice& s = {});
array cholesky_inv(const array& factor, bool upper, const StreamOrDevice& s = {});
array pinv(const array& a, const StreamOrDevice& s = {});
array eigvalsh(const array& a, const std::string& uplo, const StreamOrDevice& s = {});
std::pair<array, array> eigh(const array& a, const std::string& uplo, const StreamOrDevice& s = {});
array eigvals(const array& a, const StreamOrDevice& s = {});
std::pair<array, array> eig(const array& a, const StreamOrDevice& s = {});
Arrays lu(const array& a, const StreamOrDevice& s = {});  // row indices P, L, U with A = L[P] U
std::pair<array, array> lu_factor(const array& a, const StreamOrDevice& s = {});
array solve(const array& a, const array& b, const StreamOrDevice& s = {});
array solve_triangular(const array& a, const array& b, bool upper, const StreamOrDevice& s = {});
array det(const array& a, const StreamOrDevice& s = {});
std::pair<array, array> slogdet(const array& a, const StreamOrDevice& s = {});

}  // namespace mlx_rocm::linalg
