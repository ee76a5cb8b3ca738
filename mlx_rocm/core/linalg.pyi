"""Linear algebra."""

import mlx_rocm.core


from mlx_rocm.core import StreamOrDevice, array, scalar

def norm(a: array, /, ord: None | int | float | str = None, axis: None | int | list[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """
    Norm of vectors or matrices.

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
        ValueError: ``ord`` does not exist for that number of axes.
    """

def cross(a: array, b: array, axis: int = -1, *, stream: StreamOrDevice = None) -> array:
    """
    Cross product along an axis of length 2 (third component zero) or 3; the result has length 3 there.
    """

def det(a: array, *, stream: StreamOrDevice = None) -> array:
    """Determinants of real square matrices (..., n, n): shape (...)."""

def slogdet(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """
    Sign and logarithm of the magnitude of the determinants of (..., n, n); 0 and -inf for singular matrices.
    """

def qr(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """
    Q (..., m, k) with orthonormal columns and upper triangular R (..., k, n), k = min(m, n), of a float32 or float64 array (..., m, n). Needs a CPU stream.
    """

def svd(a: array, compute_uv: bool = True, *, stream: StreamOrDevice = None) -> tuple[array, array, array]:
    """
    Singular value decomposition. Needs a CPU stream.

    Args:
        a (array): shape (..., m, n), float32, float64 or complex64.
        compute_uv (bool, optional): also give the bases.

    Returns:
        tuple(array, array, array): U (..., m, m), S (..., min(m, n)) in descending order and Vh (..., n, n); S alone when
        ``compute_uv`` is False.
    """

def cholesky(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array:
    """
    Cholesky factor L (or U with ``upper``) of positive definite matrices, A = L @ L.T = U.T @ U.

    Args:
        a (array): shape (..., n, n), float32 or float64; one triangle is read.
        upper (bool, optional): give the upper factor.

    Returns:
        array: the shape of ``a``; the other triangle is zero.

    Raises:
        ValueError: the type or shape does not fit, or the stream is not a CPU stream.
        RuntimeError: at evaluation, when a matrix is not positive definite.
    """

def lu(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array, array]:
    """
    Row indices p (..., m), unit lower triangular L (..., m, k) and upper triangular U (..., k, n) with a = L[p, :] @ U. Needs a CPU stream.
    """

def lu_factor(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """
    L and U packed into one (..., m, n) array, and the pivots (uint32): step i exchanged rows i and pivots[i]. Needs a CPU stream.
    """

def eigvalsh(a: mlx_rocm.core.array, UPLO: str = 'L', *, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Ascending eigenvalues of symmetric or Hermitian matrices (..., n, n); the triangle ``UPLO`` is read. Needs a CPU stream.
    """

def eigh(a: array, UPLO: str = 'L', *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """
    Ascending eigenvalues (..., n) and eigenvectors (columns of (..., n, n)) of symmetric or Hermitian matrices; the triangle ``UPLO`` is read. Needs a CPU stream.
    """

def eigvals(a: mlx_rocm.core.array, *, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Eigenvalues (complex64, in no particular order) of matrices (..., n, n). Needs a CPU stream.
    """

def eig(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """
    Eigenvalues (..., n) and right eigenvectors of unit length (columns of (..., n, n)), both complex64. Needs a CPU stream.
    """

def inv(a: array, *, stream: StreamOrDevice = None) -> array:
    """
    Inverses of float32 or float64 matrices (..., n, n). Needs a CPU stream; a singular matrix raises RuntimeError at evaluation.
    """

def tri_inv(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array:
    """
    Inverses of lower (or upper) triangular matrices (..., n, n); the other triangle is not read. Needs a CPU stream.
    """

def cholesky_inv(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array:
    """
    Inverses of the matrices whose Cholesky factors are given. Needs a CPU stream.
    """

def pinv(a: array, *, stream: StreamOrDevice = None) -> array:
    """
    Moore-Penrose inverses (..., n, m) of matrices (..., m, n). Needs a CPU stream.
    """

def solve(a: array, b: array, *, stream: StreamOrDevice = None) -> array:
    """
    The solution x of a @ x = b for square matrices a (..., n, n) and b (n) or (..., n, k). Needs a CPU stream.
    """

def solve_triangular(a: array, b: array, *, upper: bool = False, stream: StreamOrDevice = None) -> array:
    """
    The solution x of a @ x = b for lower (or upper) triangular a. Needs a CPU stream.
    """
