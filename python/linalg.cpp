// mlx_rocm.core.linalg
#include "backend/ops/linalg.h"

#include <nanobind/eval.h>

#include "backend/cpu/lapack_library.h"
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

nb::tuple as_tuple(const std::pair<array, array>& p) { return nb::make_tuple(p.first, p.second); }

// Shared libraries with LAPACK that installed wheels bring: scipy-openblas32 first, then the one inside
// NumPy. The packages are located, not imported.
constexpr const char* kFindLapack = R"(
def find():
    import glob
    import importlib.util
    import os
    paths = []
    for package, patterns in (
        ("scipy_openblas32", ["lib/libscipy_openblas*"]),
        ("numpy", ["../numpy.libs/lib*openblas*", ".dylibs/lib*openblas*"]),
        ("scipy", ["../scipy.libs/lib*openblas*"]),
    ):
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            continue
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for pattern in patterns:
                paths += sorted(glob.glob(os.path.join(folder, pattern)))
    return [p for p in paths if p.endswith((".so", ".dylib")) or ".so." in p]
)";

std::vector<std::string> find_lapack() {
  nb::gil_scoped_acquire gil;
  nb::dict scope;
  scope["__builtins__"] = nb::module_::import_("builtins");
  nb::exec(nb::str(kFindLapack), scope);
  return nb::cast<std::vector<std::string>>(scope["find"]());
}

std::optional<Axes> norm_axes(nb::handle axis) {
  if (axis.is_none()) return std::nullopt;
  if (PyLong_Check(axis.ptr())) return Axes{nb::cast<int>(axis)};
  return nb::cast<Axes>(axis);
}


void def_basics(nb::module_& m) {
  m.def(
      "norm",
      [](const array& a, nb::handle ord, nb::handle axis, bool keepdims, const StreamOrDevice& s) {
        linalg::NormOrder order;
        if (nb::isinstance<nb::str>(ord)) order = nb::cast<std::string>(ord);
        else if (!ord.is_none()) order = nb::cast<double>(ord);
        return linalg::norm(a, order, norm_axes(axis), keepdims, s);
      },
      nb::arg(), "ord"_a.none() = nb::none(), "axis"_a.none() = nb::none(), "keepdims"_a = false, nb::kw_only(),
      "stream"_a = nb::none(),
      nb::sig("def norm(a: array, /, ord: None | int | float | str = None, axis: None | int | list[int] = None, "
              "keepdims: bool = False, *, stream: StreamOrDevice = None) -> array"),
      R"(Norm of vectors or matrices.

Args:
    a (array): any shape.
    ord (int, float or str, optional): vectors: 0 (non-zeros), inf, -inf or any p; matrices: 1, -1, 2, -2, inf, -inf,
        ``"fro"`` or ``"nuc"``. None is the 2-norm (Frobenius for matrices).
    axis (int or list(int), optional): one axis for vectors, two for matrices. None: all elements when ``ord`` is None,
        else all axes of a 1-D or 2-D array.
    keepdims (bool, optional): keep the axes with length 1.

Returns:
    array: the norms.

Raises:
    ValueError: ``ord`` does not exist for that number of axes.)");
  m.def("cross", linalg::cross, "a"_a, "b"_a, "axis"_a = -1, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def cross(a: array, b: array, axis: int = -1, *, stream: StreamOrDevice = None) -> array"),
        "Cross product along an axis of length 2 (third component zero) or 3; the result has length 3 there.");
  m.def("det", linalg::det, "a"_a, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def det(a: array, *, stream: StreamOrDevice = None) -> array"),
        "Determinants of real square matrices (..., n, n): shape (...).");
  m.def(
      "slogdet", [](const array& a, const StreamOrDevice& s) { return as_tuple(linalg::slogdet(a, s)); }, "a"_a,
      nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def slogdet(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]"),
      "Sign and logarithm of the magnitude of the determinants of (..., n, n); 0 and -inf for singular matrices.");
}

void def_factorisations(nb::module_& m) {
  m.def(
      "qr", [](const array& a, const StreamOrDevice& s) { return as_tuple(linalg::qr(a, s)); }, "a"_a, nb::kw_only(),
      "stream"_a = nb::none(),
      nb::sig("def qr(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]"),
      "Q (..., m, k) with orthonormal columns and upper triangular R (..., k, n), k = min(m, n), of a float32 or "
      "float64 array (..., m, n). Needs a CPU stream.");
  m.def(
      "svd",
      [](const array& a, bool compute_uv, const StreamOrDevice& s) -> nb::object {
        const Arrays out = linalg::svd(a, compute_uv, s);
        if (!compute_uv) return nb::cast(out[0]);
        return nb::make_tuple(out[0], out[1], out[2]);
      },
      "a"_a, "compute_uv"_a = true, nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def svd(a: array, compute_uv: bool = True, *, stream: StreamOrDevice = None) -> tuple[array, array, "
              "array]"),
      R"(Singular value decomposition. Needs a CPU stream.

Args:
    a (array): shape (..., m, n), float32, float64 or complex64.
    compute_uv (bool, optional): also give the bases.

Returns:
    tuple(array, array, array): U (..., m, m), S (..., min(m, n)) in descending order and Vh (..., n, n); S alone when
    ``compute_uv`` is False.)");
  m.def("cholesky", linalg::cholesky, "a"_a, "upper"_a = false, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def cholesky(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array"),
        R"(Cholesky factor L (or U with ``upper``) of positive definite matrices, A = L @ L.T = U.T @ U.

Args:
    a (array): shape (..., n, n), float32 or float64; one triangle is read.
    upper (bool, optional): give the upper factor.

Returns:
    array: the shape of ``a``; the other triangle is zero.

Raises:
    ValueError: the type or shape does not fit, or the stream is not a CPU stream.
    RuntimeError: at evaluation, when a matrix is not positive definite.)");
  m.def(
      "lu",
      [](const array& a, const StreamOrDevice& s) {
        const Arrays out = linalg::lu(a, s);
        return nb::make_tuple(out[0], out[1], out[2]);
      },
      "a"_a, nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def lu(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array, array]"),
      "Row indices p (..., m), unit lower triangular L (..., m, k) and upper triangular U (..., k, n) with "
      "a = L[p, :] @ U. Needs a CPU stream.");
  m.def(
      "lu_factor", [](const array& a, const StreamOrDevice& s) { return as_tuple(linalg::lu_factor(a, s)); }, "a"_a,
      nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def lu_factor(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]"),
      "L and U packed into one (..., m, n) array, and the pivots (uint32): step i exchanged rows i and pivots[i]. "
      "Needs a CPU stream.");
}

void def_eigen(nb::module_& m) {
  m.def("eigvalsh", linalg::eigvalsh, "a"_a, "UPLO"_a = "L", nb::kw_only(), "stream"_a = nb::none(),
        "Ascending eigenvalues of symmetric or Hermitian matrices (..., n, n); the triangle ``UPLO`` is read. Needs a "
        "CPU stream.");
  m.def(
      "eigh",
      [](const array& a, const std::string& uplo, const StreamOrDevice& s) {
        return as_tuple(linalg::eigh(a, uplo, s));
      },
      "a"_a, "UPLO"_a = "L", nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def eigh(a: array, UPLO: str = 'L', *, stream: StreamOrDevice = None) -> tuple[array, array]"),
      "Ascending eigenvalues (..., n) and eigenvectors (columns of (..., n, n)) of symmetric or Hermitian matrices; the "
      "triangle ``UPLO`` is read. Needs a CPU stream.");
  m.def("eigvals", linalg::eigvals, "a"_a, nb::kw_only(), "stream"_a = nb::none(),
        "Eigenvalues (complex64, in no particular order) of matrices (..., n, n). Needs a CPU stream.");
  m.def(
      "eig", [](const array& a, const StreamOrDevice& s) { return as_tuple(linalg::eig(a, s)); }, "a"_a,
      nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def eig(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]"),
      "Eigenvalues (..., n) and right eigenvectors of unit length (columns of (..., n, n)), both complex64. Needs a CPU "
      "stream.");
}

void def_solvers(nb::module_& m) {
  m.def("inv", linalg::inv, "a"_a, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def inv(a: array, *, stream: StreamOrDevice = None) -> array"),
        "Inverses of float32 or float64 matrices (..., n, n). Needs a CPU stream; a singular matrix raises RuntimeError "
        "at evaluation.");
  m.def("tri_inv", linalg::tri_inv, "a"_a, "upper"_a = false, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def tri_inv(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array"),
        "Inverses of lower (or upper) triangular matrices (..., n, n); the other triangle is not read. Needs a CPU "
        "stream.");
  m.def("cholesky_inv", linalg::cholesky_inv, "a"_a, "upper"_a = false, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def cholesky_inv(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array"),
        "Inverses of the matrices whose Cholesky factors are given. Needs a CPU stream.");
  m.def("pinv", linalg::pinv, "a"_a, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def pinv(a: array, *, stream: StreamOrDevice = None) -> array"),
        "Moore-Penrose inverses (..., n, m) of matrices (..., m, n). Needs a CPU stream.");
  m.def("solve", linalg::solve, "a"_a, "b"_a, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def solve(a: array, b: array, *, stream: StreamOrDevice = None) -> array"),
        "The solution x of a @ x = b for square matrices a (..., n, n) and b (n) or (..., n, k). Needs a CPU stream.");
  m.def("solve_triangular", linalg::solve_triangular, "a"_a, "b"_a, nb::kw_only(), "upper"_a = false,
        "stream"_a = nb::none(),
        nb::sig("def solve_triangular(a: array, b: array, *, upper: bool = False, stream: StreamOrDevice = None) -> "
                "array"),
        "The solution x of a @ x = b for lower (or upper) triangular a. Needs a CPU stream.");
}

}  // namespace

void init_linalg(nb::module_& parent) {
  cpu::set_lapack_search(find_lapack);
  auto m = parent.def_submodule("linalg", "Linear algebra.");
  def_basics(m);
  def_factorisations(m);
  def_eigen(m);
  def_solvers(m);
  parent.attr("matrix_norm") = m.attr("norm");
}

}  // namespace mlx_rocm::python
