"""mlx_rocm: an MLX-compatible array framework for AMD GPUs."""

from collections.abc import Callable, Sequence
import enum
import pathlib
import types
from typing import overload

from mlx_rocm.core import (
    cuda as cuda,
    distributed as distributed,
    fast as fast,
    fft as fft,
    linalg as linalg,
    metal as metal,
    random as random
)
from mlx_rocm.core.linalg import norm as matrix_norm


from typing import Any, BinaryIO as file, TypeAlias
scalar: TypeAlias = bool | int | float | complex
StreamOrDevice: TypeAlias = Stream | ThreadLocalStream | Device | DeviceType | None
_PrintOptionsContext: TypeAlias = Any

__mlx_rocm_version__: str = '0.1.0'

class AxisError(ValueError, IndexError):
    """An axis is out of range."""

class DtypeCategory(enum.Enum):
    """A type category, for issubdtype."""

    complexfloating = 0

    floating = 1

    inexact = 2

    signedinteger = 3

    unsignedinteger = 4

    integer = 5

    number = 6

    generic = 7

class Dtype:
    """An element type: mx.float32, mx.int8, ..."""

    @property
    def size(self) -> int:
        """Bytes per element."""

    def __repr__(self) -> str: ...

    def __eq__(self, arg: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __reduce__(self) -> tuple: ...

uint8: Dtype = ...

uint16: Dtype = ...

uint32: Dtype = ...

uint64: Dtype = ...

int8: Dtype = ...

int16: Dtype = ...

int32: Dtype = ...

int64: Dtype = ...

float16: Dtype = ...

float32: Dtype = ...

float64: Dtype = ...

bfloat16: Dtype = ...

complex64: Dtype = ...

complexfloating: DtypeCategory = DtypeCategory.complexfloating

floating: DtypeCategory = DtypeCategory.floating

inexact: DtypeCategory = DtypeCategory.inexact

signedinteger: DtypeCategory = DtypeCategory.signedinteger

unsignedinteger: DtypeCategory = DtypeCategory.unsignedinteger

integer: DtypeCategory = DtypeCategory.integer

number: DtypeCategory = DtypeCategory.number

generic: DtypeCategory = DtypeCategory.generic

class iinfo:
    """Limits of an integer dtype."""

    def __init__(self, type: Dtype) -> None: ...

    @property
    def min(self) -> object: ...

    @property
    def max(self) -> object: ...

    @property
    def dtype(self) -> Dtype: ...

    def __repr__(self) -> str: ...

class finfo:
    """Limits of a floating-point dtype."""

    def __init__(self, type: Dtype) -> None: ...

    @property
    def min(self) -> float: ...

    @property
    def max(self) -> float: ...

    @property
    def eps(self) -> float: ...

    @property
    def smallest_normal(self) -> float: ...

    @property
    def dtype(self) -> Dtype: ...

    @property
    def bits(self) -> int: ...

    def __repr__(self) -> str: ...

def issubdtype(arg1: Dtype | DtypeCategory, arg2: Dtype | DtypeCategory) -> bool:
    """Whether the first dtype or category lies below the second."""

def result_type(*args) -> Dtype:
    """The dtype that arrays and dtypes promote to together."""

class DeviceType(enum.Enum):
    """cpu or gpu."""

    cpu = 0

    gpu = 1

    def __eq__(self, arg: object, /) -> bool: ...

cpu: DeviceType = DeviceType.cpu

gpu: DeviceType = DeviceType.gpu

class Device:
    """A device that runs ops."""

    def __init__(self, type: DeviceType, index: int = 0) -> None: ...

    @property
    def type(self) -> DeviceType: ...

    @property
    def index(self) -> int: ...

    def __repr__(self) -> str: ...

    def __hash__(self) -> int: ...

    def __eq__(self, arg: object, /) -> bool: ...

class Stream:
    """
    An ordered queue of work on a device, usable on the thread that made it.
    """

    @property
    def device(self) -> Device: ...

    @property
    def index(self) -> int: ...

    def __repr__(self) -> str: ...

    def __hash__(self) -> int: ...

    def __eq__(self, arg: object, /) -> bool: ...

class ThreadLocalStream:
    """A stream that is another one in every thread."""

    @property
    def device(self) -> Device: ...

    @property
    def index(self) -> int: ...

    def __repr__(self) -> str: ...

    def __hash__(self) -> int: ...

    def __eq__(self, arg: object, /) -> bool: ...

def default_device() -> Device:
    """The device that ops use when none is named."""

def set_default_device(device: Device) -> None:
    """Sets the default device of the process."""

def is_available(device: Device) -> bool:
    """Whether the device is there."""

def device_count(device_type: DeviceType) -> int:
    """How many devices of the type there are."""

def default_stream(device: Device) -> Stream:
    """This thread's default stream of a device."""

def set_default_stream(stream: Stream | ThreadLocalStream | Device | DeviceType) -> None:
    """Sets this thread's default stream of the stream's device."""

def new_stream(device: Device) -> Stream:
    """A new stream, usable on this thread."""

def new_thread_unsafe_stream(device: Device) -> Stream:
    """A new stream that any thread may use, one at a time."""

def new_thread_local_stream(device: Device) -> ThreadLocalStream:
    """A stream handle that stands for a stream of its own in every thread."""

def clear_streams() -> None:
    """
    Forgets the streams of this thread, what it compiled and its random key.
    """

def synchronize(stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> None:
    """Waits until the stream (default: the default stream) has finished."""

class StreamContext:
    """Context manager that mx.stream returns."""

    def __init__(self, s: Stream | ThreadLocalStream | Device | DeviceType) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *args) -> None: ...

def stream(s: Stream | ThreadLocalStream | Device | DeviceType) -> StreamContext:
    """Context manager: ops in the block go to this stream or device."""

def get_active_memory() -> int:
    """Bytes in use by arrays."""

def get_peak_memory() -> int:
    """The most bytes in use since the last reset."""

def reset_peak_memory() -> None:
    """Starts the peak anew."""

def get_cache_memory() -> int:
    """Bytes freed by arrays and kept for reuse."""

def get_memory_limit() -> int:
    """Bytes beyond which cached memory is given back before more is taken."""

def set_memory_limit(limit: int) -> int:
    """Sets the memory limit in bytes; returns the old one."""

def set_cache_limit(limit: int) -> int:
    """Sets how many bytes to keep; returns the old limit."""

def set_wired_limit(limit: int) -> int:
    """
    Exists for Metal, where it pins memory; here it does nothing and returns 0.
    """

def clear_cache() -> None:
    """Gives cached memory back to the system."""

def device_info(d: Device | DeviceType | None = None) -> dict:
    """Facts about a device: name, architecture, memory_size in bytes."""

class array:
    """An N-dimensional, lazily evaluated array."""

    def __init__(self, val: object, dtype: Dtype | None = None) -> None:
        """
        From a scalar, a (nested) list or tuple, another array, or anything with the buffer or DLPack protocol.
        """

    @property
    def size(self) -> int:
        """Number of elements."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def itemsize(self) -> int:
        """Bytes per element."""

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""

    @property
    def shape(self) -> int | Sequence[int]:
        """Tuple of dimensions."""

    @property
    def dtype(self) -> Dtype:
        """Element type."""

    @property
    def T(self) -> array:
        """The transpose: axes reversed."""

    def item(self) -> object:
        """The value of an array of size 1 as a Python scalar."""

    def tolist(self) -> object:
        """The values as nested Python lists (a scalar when 0-d)."""

    def __repr__(self) -> str: ...

    def __str__(self) -> str: ...

    def __hash__(self) -> int: ...

    def __len__(self) -> int: ...

    def __bool__(self) -> bool: ...

    def __int__(self) -> int: ...

    def __float__(self) -> float: ...

    def __complex__(self) -> object: ...

    def __index__(self) -> int: ...

    def __copy__(self) -> array: ...

    def __deepcopy__(self, memo: object) -> array: ...

    def __add__(self, other: object | None) -> array: ...

    def __radd__(self, other: object | None) -> array: ...

    def __iadd__(self, other: object | None) -> array: ...

    def __sub__(self, other: object | None) -> array: ...

    def __rsub__(self, other: object | None) -> array: ...

    def __isub__(self, other: object | None) -> array: ...

    def __mul__(self, other: object | None) -> array: ...

    def __rmul__(self, other: object | None) -> array: ...

    def __imul__(self, other: object | None) -> array: ...

    def __truediv__(self, other: object | None) -> array: ...

    def __rtruediv__(self, other: object | None) -> array: ...

    def __div__(self, other: object | None) -> array: ...

    def __rdiv__(self, other: object | None) -> array: ...

    def __floordiv__(self, other: object | None) -> array: ...

    def __rfloordiv__(self, other: object | None) -> array: ...

    def __ifloordiv__(self, other: object | None) -> array: ...

    def __mod__(self, other: object | None) -> array: ...

    def __rmod__(self, other: object | None) -> array: ...

    def __imod__(self, other: object | None) -> array: ...

    def __pow__(self, other: object | None) -> array: ...

    def __rpow__(self, other: object | None) -> array: ...

    def __ipow__(self, other: object | None) -> array: ...

    def __itruediv__(self, other: object) -> array: ...

    def __and__(self, other: object) -> array: ...

    def __iand__(self, other: object) -> array: ...

    def __or__(self, other: object) -> array: ...

    def __ior__(self, other: object) -> array: ...

    def __xor__(self, other: object) -> array: ...

    def __ixor__(self, other: object) -> array: ...

    def __lshift__(self, other: object) -> array: ...

    def __ilshift__(self, other: object) -> array: ...

    def __rshift__(self, other: object) -> array: ...

    def __irshift__(self, other: object) -> array: ...

    def __neg__(self) -> array: ...

    def __pos__(self) -> array: ...

    def __abs__(self) -> array: ...

    def __invert__(self) -> array: ...

    def __eq__(self, other: object | None) -> object: ...

    def __ne__(self, other: object | None) -> object: ...

    def __lt__(self, other: object | None) -> object: ...

    def __le__(self, other: object | None) -> object: ...

    def __gt__(self, other: object | None) -> object: ...

    def __ge__(self, other: object | None) -> object: ...

    def __matmul__(self, arg: array, /) -> array: ...

    def __imatmul__(self, arg: array, /) -> array: ...

    def astype(self, dtype: Dtype, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def view(self, dtype: Dtype, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def reshape(self, *shape, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def transpose(self, *axes, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def flatten(self, start_axis: int = 0, end_axis: int = -1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def squeeze(self, axis: object | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def swapaxes(self, axis1: int, axis2: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def moveaxis(self, source: int, destination: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def split(self, indices_or_sections: object, axis: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> list[array]: ...

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def diag(self, k: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    @property
    def mT(self) -> array: ...

    def sum(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Sum over axes; narrow integers widen to 32 bits."""

    def prod(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Product over axes; narrow integers widen to 32 bits."""

    def max(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Largest entry over axes; NaN wins."""

    def min(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Smallest entry over axes; NaN wins."""

    def all(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Whether all entries over axes are true."""

    def any(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Whether any entry over axes is true."""

    def mean(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Mean over axes; integers give float32."""

    def var(self, axis: object | None = None, keepdims: bool = False, ddof: int = 0, *, correction: int | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Variance over axes with divisor n - ddof."""

    def std(self, axis: object | None = None, keepdims: bool = False, ddof: int = 0, *, correction: int | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Standard deviation over axes with divisor n - ddof."""

    def argmax(self, axis: int | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Index (uint32) of the largest entry, the first of equals."""

    def argmin(self, axis: int | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Index (uint32) of the smallest entry, the first of equals."""

    def cumsum(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Cumulative sum along an axis (None: of the flattened array)."""

    def cumprod(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Cumulative product along an axis."""

    def cummax(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Cumulative maximum along an axis."""

    def cummin(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """Cumulative minimum along an axis."""

    def logcumsumexp(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """log of the cumulative sum of exp along an axis."""

    def abs(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def square(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def sqrt(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def rsqrt(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def reciprocal(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def exp(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def log(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def log2(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def log10(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def log1p(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def sin(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def cos(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def conj(self, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    def round(self, decimals: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array: ...

    @property
    def real(self) -> array: ...

    @property
    def imag(self) -> array: ...

    @property
    def at(self) -> ArrayAt:
        """Updates with accumulation: x.at[i].add(v) ..."""

    def __getitem__(self, arg: object | None) -> array: ...

    def __setitem__(self, arg0: object | None, arg1: scalar | array) -> None: ...

    def __iter__(self) -> ArrayIterator: ...

    def logsumexp(self, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
        """See mx.logsumexp."""

    def __array__(self, dtype: object | None = None, copy: bool | None = None) -> object:
        """The array as a NumPy array (aliasing the memory if it can)."""

    def __dlpack__(self, *, stream: object | None = None, max_version: object | None = None, dl_device: object | None = None, copy: bool | None = None) -> object: ...

    def __dlpack_device__(self) -> tuple: ...

    def __array_namespace__(self, api_version: object | None = None) -> types.ModuleType: ...

    def __bytes__(self) -> bytes: ...

    def __getstate__(self) -> tuple: ...

    def __setstate__(self, arg: tuple, /) -> None: ...

def abs(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise absolute value; of complex numbers the magnitude."""

def negative(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise negation."""

def sign(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Elementwise sign: -1, 0 or 1 (x / abs(x) for complex numbers; 0 for NaN).
    """

def square(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise square."""

def sqrt(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise square root."""

def rsqrt(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise reciprocal of the square root."""

def exp(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise exponential."""

def expm1(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise exp(x) - 1, accurate near zero."""

def log(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise natural logarithm."""

def log2(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise base-2 logarithm."""

def log10(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise base-10 logarithm."""

def log1p(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise log(1 + x), accurate near zero."""

def sin(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise sine (radians)."""

def cos(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise cosine (radians)."""

def tan(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise tangent (radians)."""

def arcsin(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inverse sine."""

def arccos(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inverse cosine."""

def arctan(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inverse tangent."""

def sinh(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise hyperbolic sine."""

def cosh(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise hyperbolic cosine."""

def tanh(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise hyperbolic tangent."""

def arcsinh(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inverse hyperbolic sine."""

def arccosh(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inverse hyperbolic cosine."""

def arctanh(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inverse hyperbolic tangent."""

def erf(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise error function."""

def erfinv(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inverse of the error function."""

def sigmoid(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise logistic sigmoid 1 / (1 + exp(-x))."""

def floor(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise floor. Integers stay as they are."""

def ceil(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise ceiling. Integers stay as they are."""

def trunc(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise rounding towards zero. Integers stay as they are."""

def logical_not(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise logical not."""

def real(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise real part."""

def imag(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise imaginary part."""

def add(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise addition with broadcasting."""

def subtract(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise subtraction with broadcasting."""

def multiply(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise multiplication with broadcasting."""

def divide(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise division with broadcasting; integers divide as float32."""

def floor_divide(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise floor(a / b), as Python's //."""

def remainder(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise remainder with the divisor's sign, as Python's %."""

def power(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise power with broadcasting."""

def maximum(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise maximum; NaN in either operand wins."""

def minimum(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise minimum; NaN in either operand wins."""

def logaddexp(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise log(exp(a) + exp(b)), without overflow."""

def arctan2(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise angle of the point (b, a), in radians."""

def equal(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise equality."""

def not_equal(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise inequality."""

def less(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise less than."""

def less_equal(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise less than or equal."""

def greater(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise greater than."""

def greater_equal(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise greater than or equal."""

def logical_and(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise logical and."""

def logical_or(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise logical or."""

def bitwise_and(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise bitwise and."""

def bitwise_or(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise bitwise or."""

def bitwise_xor(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise bitwise exclusive or."""

def left_shift(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise left shift; counts beyond the width give 0."""

def right_shift(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise right shift, arithmetic for signed integers."""

def conjugate(a: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise complex conjugate; real arrays stay as they are."""

def conj(a: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise complex conjugate; real arrays stay as they are."""

def bitwise_invert(a: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise bitwise inverse."""

def reciprocal(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise 1 / x."""

def logical_xor(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise logical exclusive or."""

def where(arg0: scalar | array, arg1: scalar | array, arg2: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Elements of x where the condition holds and of y elsewhere, with broadcasting.
    """

acos = arccos

acosh = arccosh

asin = arcsin

asinh = arcsinh

atan = arctan

atanh = arctanh

atan2 = arctan2

pow = power

bitwise_left_shift = left_shift

bitwise_right_shift = right_shift

class custom_function:
    """
    Decorator: a function whose vjp, jvp or vmap is given by hand, each with the decorator of that name. What is not given is derived from the function. Captured arrays are constants: they get no gradient. A rule gets a single positional argument bare and several as a tuple.
    """

    def __init__(self, f: Callable): ...

    def __call__(self, *args, **kwargs) -> object: ...

    def vjp(self, f: Callable):
        """
        Sets f(primals, cotangents, outputs), which returns cotangents in the structure of the primals.
        """

    def jvp(self, f: Callable):
        """
        Sets f(primals, tangents), which returns tangents in the structure of the outputs. A tangent is None where there is none.
        """

    def vmap(self, f: Callable):
        """
        Sets f(inputs, axes), which returns the batched outputs and their axes (None: not batched).
        """

def vjp(fun: Callable, primals: list[array], cotangents: list[array]) -> tuple[list[array], list[array]]:
    """
    Outputs of fun(*primals) and the products of the cotangents (one per output) with its Jacobian (one per primal).
    """

def jvp(fun: Callable, primals: list[array], tangents: list[array]) -> tuple[list[array], list[array]]:
    """
    Outputs of fun(*primals) and the products of its Jacobian with the tangents (one per primal).
    """

def value_and_grad(fun: Callable, argnums: int | Sequence[int] | None = None, argnames: str | Sequence[str] = []) -> Callable:
    """
    A function that returns fun's value and its gradient by the arguments `argnums` (the first when neither is given) and the keyword arguments `argnames`. fun returns a scalar array, or a tuple that starts with one. Gradients have the structure of the arguments: one argument's, a tuple for several argnums, and (those, dict) when argnames are given.
    """

def grad(fun: Callable, argnums: int | Sequence[int] | None = None, argnames: str | Sequence[str] = []) -> Callable:
    """
    As value_and_grad, but the function returns the gradient only and fun returns a scalar array.
    """

def checkpoint(fun: Callable) -> Callable:
    """
    fun, recomputing its intermediate values for the gradient instead of keeping them in memory.
    """

@overload
def stop_gradient(arg0: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The array itself, as a constant of every derivative."""

@overload
def stop_gradient(arg0: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The values, cut off from gradients."""

def depends(inputs: array | Sequence[array], dependencies: array | Sequence[array]) -> object:
    """
    The inputs, unchanged, to be available only after the dependencies have been computed: orders side effects.
    """

def vmap(fun: Callable, in_axes: object = 0, out_axes: object = 0) -> Callable:
    """
    fun mapped over an axis of its arguments. The axes are an int, None (not mapped) or a tree of these that is a prefix of the arguments (of the outputs for out_axes). ValueError when the mapped lengths differ.
    """

def matmul(arg0: array, arg1: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Matrix product of (..., m, k) and (..., k, n); batch axes broadcast. A 1-d operand is a row or a column.
    """

def addmm(arg0: array, arg1: array, arg2: array, alpha: float = 1.0, beta: float = 1.0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    alpha * (a @ b) + beta * c, with c broadcast to the shape of the product.
    """

def gather_mm(arg0: array, arg1: array, lhs_indices: array | None = None, rhs_indices: array | None = None, *, sorted_indices: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Products of the matrices of a and b that the (broadcast) indices pick from the flattened batch axes.
    """

def block_masked_mm(arg0: array, arg1: array, block_size: int = 64, mask_out: array | None = None, mask_lhs: array | None = None, mask_rhs: array | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Matrix product with masks (boolean or factors) over square blocks of the operands and the result.
    """

def segmented_mm(arg0: array, arg1: array, segments: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    a[:, start:end] @ b[start:end, :] for each (start, end) of segments (..., 2).
    """

def reshape(arg0: array, shape: int | Sequence[int], *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The same elements in another shape; one entry may be -1."""

def flatten(arg0: array, start_axis: int = 0, end_axis: int = -1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Merges the axes from start_axis to end_axis."""

def unflatten(arg0: array, axis: int, shape: int | Sequence[int], *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Splits an axis into the given shape; one entry may be -1."""

def squeeze(arg0: array, axis: object | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Removes axes of size 1."""

def expand_dims(arg0: array, axis: object, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Inserts axes of size 1."""

def transpose(arg0: array, axes: object | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Permutes the axes; without axes, reverses them."""

def permute_dims(arg0: array, axes: object | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Permutes the axes; without axes, reverses them."""

def swapaxes(arg0: array, axis1: int, axis2: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Swaps two axes."""

def moveaxis(arg0: array, source: int, destination: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Moves an axis to another place."""

def matrix_transpose(arg0: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Swaps the last two axes."""

def broadcast_to(arg0: scalar | array, shape: int | Sequence[int], *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """A view of the array with the given shape."""

def broadcast_arrays(*arrays, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> tuple:
    """Arrays broadcast against each other, as a tuple."""

def broadcast_shapes(*shapes) -> int | Sequence[int]:
    """The shape that all given shapes broadcast to."""

def as_strided(arg0: array, shape: int | Sequence[int] | None = None, strides: Sequence[int] | None = None, offset: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    A view with any shape and strides (in elements) of the row-major flattened array.
    """

def contiguous(arg0: array, allow_col_major: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The array with row-major memory (a copy only where needed)."""

def positive(arg0: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise +x: the array itself."""

def astype(arg0: array, arg1: Dtype, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The values converted to a dtype."""

def view(a: scalar | array, dtype: Dtype, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    The bytes seen as another dtype; the last axis scales with the item size.
    """

def concatenate(arrays: object, axis: int | None = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Joins arrays along an axis (None: the flattened arrays)."""

def concat(arrays: object, axis: int | None = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Joins arrays along an axis (None: the flattened arrays)."""

def stack(arrays: object, axis: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Joins arrays along a new axis."""

def split(arg0: array, indices_or_sections: object, axis: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> list[array]:
    """A list of pieces: that many equal ones, or cut at the indices."""

def unstack(arg0: array, *, axis: int = 0, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> tuple:
    """The slices along an axis, as a tuple."""

def pad(a: array, pad_width: object, mode: str = 'constant', constant_values: scalar | array = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Pads every axis; mode is constant, edge, reflect or symmetric."""

def tile(arg0: array, arg1: object, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Repeats the array along each axis."""

def repeat(array: array, repeats: int, axis: int | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Repeats every entry along an axis."""

def roll(a: array, shift: object, axis: object | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Rolls entries along axes, those that fall off coming back at the other end.
    """

def flip(arg0: array, axis: object | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Reverses the order along axes."""

def meshgrid(*arrays, sparse: bool = False, indexing: str = 'xy', stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> tuple:
    """Coordinate arrays from 1-d arrays, as a tuple."""

def kron(a: array, b: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The Kronecker product."""

def diagonal(a: array, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The diagonals of the matrices over two axes, as the last axis."""

def diag(arg0: array, k: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """A diagonal matrix from a vector, or the diagonal of a matrix."""

def atleast_1d(*arys, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> object:
    """Arrays with at least that many axes."""

def atleast_2d(*arys, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> object:
    """Arrays with at least that many axes."""

def atleast_3d(*arys, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> object:
    """Arrays with at least that many axes."""

@overload
def arange(start: object, stop: object | None, step: object | None = None, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    start, start + step, ... below stop; int32 when all are ints, else float32.
    """

@overload
def arange(stop: object, step: object | None = None, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """0, step, 2 step, ... below stop."""

def full(shape: int | Sequence[int], vals: scalar | array, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array filled with vals (broadcast to the shape)."""

def full_like(a: array, vals: scalar | array, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array like a, filled with vals."""

def zeros(shape: int | Sequence[int], dtype: Dtype | None = ..., *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array filled with 0 (ones: with 1)."""

def zeros_like(arg0: array, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array of a's shape filled with 0 (ones: with 1)."""

def empty(shape: int | Sequence[int], dtype: Dtype | None = ..., *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array filled with 0 (ones: with 1)."""

def empty_like(arg0: array, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array of a's shape filled with 0 (ones: with 1)."""

def ones(shape: int | Sequence[int], dtype: Dtype | None = ..., *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array filled with 0 (ones: with 1)."""

def ones_like(arg0: array, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An array of a's shape filled with 0 (ones: with 1)."""

def eye(n: int, m: int | None = None, k: int = 0, dtype: Dtype | None = ..., *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An n x m matrix with ones on the k-th diagonal."""

def identity(n: int, dtype: Dtype | None = ..., *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The n x n identity matrix."""

def tri(n: int, m: int | None = None, k: int = 0, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """An n x m matrix with ones at and below the k-th diagonal."""

def tril(x: array, k: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Zeros above the k-th diagonal."""

def triu(x: array, k: int = 0, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Zeros below the k-th diagonal."""

def linspace(start: object, stop: object, num: int | None = 50, endpoint: bool = True, dtype: Dtype | None = ..., stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """num evenly spaced values from start to stop."""

def hanning(M: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The window of M samples, float32."""

def hamming(M: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The window of M samples, float32."""

def blackman(M: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The window of M samples, float32."""

def bartlett(M: int, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The window of M samples, float32."""

def sum(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Sum over axes; narrow integers widen to 32 bits."""

def prod(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Product over axes; narrow integers widen to 32 bits."""

def max(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Largest entry over axes; NaN wins."""

def min(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Smallest entry over axes; NaN wins."""

def all(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Whether all entries over axes are true."""

def any(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Whether any entry over axes is true."""

def mean(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Mean over axes; integers give float32."""

def var(arg0: array, axis: object | None = None, keepdims: bool = False, ddof: int = 0, *, correction: int | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Variance over axes with divisor n - ddof."""

def std(arg0: array, axis: object | None = None, keepdims: bool = False, ddof: int = 0, *, correction: int | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Standard deviation over axes with divisor n - ddof."""

def argmax(arg0: array, axis: int | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Index (uint32) of the largest entry, the first of equals."""

def argmin(arg0: array, axis: int | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Index (uint32) of the smallest entry, the first of equals."""

def cumsum(arg0: array, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, dtype: Dtype | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Cumulative sum along an axis (None: of the flattened array)."""

def cumprod(arg0: array, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, dtype: Dtype | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Cumulative product along an axis."""

def cummax(arg0: array, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Cumulative maximum along an axis."""

def cummin(arg0: array, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Cumulative minimum along an axis."""

def logcumsumexp(arg0: array, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """log of the cumulative sum of exp along an axis."""

cumulative_sum = cumsum

cumulative_prod = cumprod

def minmax(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> tuple:
    """Smallest and largest entry over axes."""

def count_nonzero(arg0: array, *, axis: object | None = None, keepdims: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """How many entries over axes are not zero."""

def trace(arg0: array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Sum of a diagonal."""

def diff(arg0: array, n: int = 1, axis: int = -1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The n-th differences of neighbours along an axis."""

def isnan(a: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise test, bool."""

def isinf(a: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise test, bool."""

def isfinite(a: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise test, bool."""

def isposinf(a: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise test, bool."""

def isneginf(a: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise test, bool."""

def isclose(arg0: scalar | array, arg1: scalar | array, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Elementwise |a - b| <= atol + rtol |b|."""

def allclose(arg0: scalar | array, arg1: scalar | array, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Whether isclose holds everywhere."""

def array_equal(a: scalar | array, b: scalar | array, equal_nan: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Whether shape and all entries are equal."""

def round(arg0: array, decimals: int = 0, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Rounds to decimals, halves to even."""

def degrees(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Radians to degrees."""

def radians(arg0: scalar | array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Degrees to radians."""

def nan_to_num(a: scalar | array, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Replaces NaN and infinities (default: by 0 and the largest finite numbers).
    """

def clip(arg0: array, a_min: scalar | array | None, a_max: scalar | array | None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Limits entries to [a_min, a_max]; one of them may be None."""

def divmod(a: scalar | array, b: scalar | array, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> tuple:
    """floor(a / b) and the remainder, as a tuple."""

class ArrayAt:
    """Updates at an index, from x.at[...]; repeated indices accumulate."""

    def __getitem__(self, indices: object | None) -> ArrayAt: ...

    def add(self, value: scalar | array) -> array: ...

    def subtract(self, value: scalar | array) -> array: ...

    def multiply(self, value: scalar | array) -> array: ...

    def divide(self, value: scalar | array) -> array: ...

    def maximum(self, value: scalar | array) -> array: ...

    def minimum(self, value: scalar | array) -> array: ...

class ArrayIterator:
    """Iterates over the first axis."""

    def __next__(self) -> array: ...

    def __iter__(self) -> object: ...

def take(arg0: array, indices: scalar | array, axis: int | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Entries at indices along an axis (None: of the flattened array)."""

def take_along_axis(arg0: array, indices: array, axis: int | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Entries at indices that differ per line along the axis."""

def put_along_axis(arg0: array, indices: array, values: scalar | array, axis: int | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The array with values put at indices along the axis."""

def slice(a: array, start_indices: array, axes: Sequence[int], slice_size: int | Sequence[int], *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    The window of slice_size whose corner on axes is start_indices (an array).
    """

def slice_update(a: array, update: array, start_indices: array, axes: Sequence[int], *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    The array with the window at start_indices (an array) replaced by update.
    """

def softmax(arg0: array, axis: object | None = None, *, precise: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """exp(a) normalised to sum 1 over axis (default: all axes)."""

def logsumexp(arg0: array, axis: object | None = None, keepdims: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """log(sum(exp(a))) over axis (default: all axes), without overflow."""

def conv1d(arg0: array, arg1: array, stride: object = 1, padding: object = 0, dilation: object = 1, groups: int = 1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups). stride, padding and dilation are an int or one int per spatial axis.
    """

def conv_transpose1d(arg0: array, arg1: array, stride: object = 1, padding: object = 0, dilation: object = 1, output_padding: object = 0, groups: int = 1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Transposed convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups).
    """

def conv2d(arg0: array, arg1: array, stride: object = 1, padding: object = 0, dilation: object = 1, groups: int = 1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups). stride, padding and dilation are an int or one int per spatial axis.
    """

def conv_transpose2d(arg0: array, arg1: array, stride: object = 1, padding: object = 0, dilation: object = 1, output_padding: object = 0, groups: int = 1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Transposed convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups).
    """

def conv3d(arg0: array, arg1: array, stride: object = 1, padding: object = 0, dilation: object = 1, groups: int = 1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups). stride, padding and dilation are an int or one int per spatial axis.
    """

def conv_transpose3d(arg0: array, arg1: array, stride: object = 1, padding: object = 0, dilation: object = 1, output_padding: object = 0, groups: int = 1, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Transposed convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups).
    """

def conv_general(arg0: array, arg1: array, stride: object = 1, padding: object = 0, kernel_dilation: object = 1, input_dilation: object = 1, groups: int = 1, flip: bool = False, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups) over 1 to 3 spatial axes. padding: an int, one per axis, or a pair of such for the low and high sides.
    """

def convolve(arg0: array, arg1: array, mode: str = 'full', *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Discrete convolution of two 1-d arrays; mode is 'full', 'same' or 'valid'.
    """

def asarray(a: object, dtype: Dtype | None = None, *, copy: bool | None = None) -> array:
    """
    An array from a scalar, sequence, array or anything with the buffer or DLPack protocol.
    """

def from_dlpack(arg0: object, *, copy: bool | None = None) -> array:
    """An array from an object with the DLPack protocol."""

class ArrayNamespaceInfo:
    """Inspection API of the array API standard."""

    def capabilities(self) -> dict: ...

    def default_device(self) -> Device: ...

    def default_dtypes(self, *, device: object | None = None) -> dict: ...

    def dtypes(self, *, device: object | None = None, kind: object | None = None) -> dict: ...

    def devices(self) -> list: ...

def __array_namespace_info__() -> ArrayNamespaceInfo:
    """Inspection object of the array API standard."""

e: float = 2.718281828459045

pi: float = 3.141592653589793

inf: float = float('inf')

nan: float = float('nan')

euler_gamma: float = 0.5772156649015329

newaxis: None = None

def isdtype(dtype: Dtype, kind: object) -> bool:
    """
    Whether the dtype is, or is of the kind: 'bool', 'signed integer', 'unsigned integer', 'integral', 'real floating', 'complex floating', 'numeric', a dtype, or a tuple of those.
    """

def can_cast(from_: object, to: Dtype) -> bool:
    """Whether type promotion leads from the dtype (or array) to `to`."""

def get_array_buffer_size(*args) -> int:
    """
    Bytes of the memory blocks behind the arrays of the trees; a block that several share counts once.
    """

class PrintOptions:
    """How arrays are printed."""

    def __init__(self, precision: int = -1) -> None: ...

    @property
    def precision(self) -> int:
        """Significant digits of floats; -1 for the default."""

    @precision.setter
    def precision(self, arg: int, /) -> None: ...

def set_printoptions(precision: int = -1) -> None:
    """Sets how many decimals floats are printed with."""

def get_printoptions() -> PrintOptions:
    """The print options in force."""

def printoptions(precision: int = -1) -> _PrintOptionsContext:
    """Context manager with other print options."""

class ArrayLike:
    """Protocol: any object with __mlx_array__."""

def quantize(arg0: array, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', *, global_scale: array | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> tuple:
    """
    Packs w (..., n) into codes (..., n * bits / 32) uint32, scales (..., n / group_size) and, for affine, biases. mode is 'affine' (bits 2, 3, 4, 5, 6 or 8; groups of 32, 64 or 128), 'mxfp4', 'mxfp8' (groups of 32) or 'nvfp4' (groups of 16).
    """

def dequantize(arg0: array, scales: array, biases: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', global_scale: array | None = None, dtype: Dtype | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    The values of a matrix packed by quantize. mode is 'affine' (bits 2, 3, 4, 5, 6 or 8; groups of 32, 64 or 128), 'mxfp4', 'mxfp8' (groups of 32) or 'nvfp4' (groups of 16).
    """

def quantized_matmul(arg0: array, arg1: array, scales: array, biases: array | None = None, transpose: bool = True, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    x @ w.T (or x @ w) with w packed by quantize. mode is 'affine' (bits 2, 3, 4, 5, 6 or 8; groups of 32, 64 or 128), 'mxfp4', 'mxfp8' (groups of 32) or 'nvfp4' (groups of 16).
    """

def gather_qmm(arg0: array, arg1: array, scales: array, biases: array | None = None, lhs_indices: array | None = None, rhs_indices: array | None = None, transpose: bool = True, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', global_scale: array | None = None, *, sorted_indices: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    quantized_matmul of the matrices that the indices pick from the flattened batch axes of x and w. mode is 'affine' (bits 2, 3, 4, 5, 6 or 8; groups of 32, 64 or 128), 'mxfp4', 'mxfp8' (groups of 32) or 'nvfp4' (groups of 16).
    """

def qqmm(x: array, w: array, scales: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'nvfp4', global_scale_x: array | None = None, global_scale_w: array | None = None, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    x @ w.T with x quantised first, and w too unless it is packed already (then with scales). mode is 'mxfp4', 'mxfp8' or 'nvfp4'.
    """

def gather_qqmm(arg0: array, arg1: array, scales: array | None = None, lhs_indices: array | None = None, rhs_indices: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'nvfp4', global_scale_x: array | None = None, global_scale_w: array | None = None, *, sorted_indices: bool = False, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    qqmm of the matrices that the indices pick from the flattened batch axes of x and w.
    """

def to_fp8(x: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Bytes of e4m3 floats nearest to x, saturating at 448."""

def from_fp8(x: array, dtype: Dtype = ..., *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """The values of e4m3 bytes."""

def compile(fun: Callable, inputs: object | None = None, outputs: object | None = None, shapeless: bool = False) -> Callable:
    """
    fun, traced at the first call and replayed later with elementwise ops fused. Arguments are trees of arrays and constants (numbers, strings, None); other constants, shapes or dtypes are traced anew, with shapeless=True other shapes of the same rank are not. `inputs` and `outputs` are lists or dicts of state that fun reads and writes besides its arguments.
    """

def disable_compile() -> None:
    """Makes compiled functions run as they were written."""

def enable_compile() -> None:
    """Undoes disable_compile, and MLX_DISABLE_COMPILE in the environment."""

def export_function(file_or_callback: str | Callable, fun: Callable, *args, shapeless: bool = False, metadata: str | None = None, **kwargs) -> None:
    """
    Traces fun for the given arrays and writes the trace to a file, or describes it to a callback with one dictionary per part. With shapeless=True the function can later be called with other sizes. fun returns an array, or a tuple or list of arrays.
    """

def import_function(file: str, return_metadata: bool = False) -> Callable | tuple[Callable, str]:
    """
    The function in a file, which returns a tuple of arrays. ValueError when it is called with arguments it was not exported for; RuntimeError when the file is damaged.
    """

class FunctionExporter:
    """
    Writes several traces of a function to one file; made by exporter(). A context manager that closes the file at its end.
    """

    def close(self) -> None:
        """Ends the export; no trace can be added."""

    def __enter__(self) -> object: ...

    def __exit__(self, exc_type: object | None = None, exc_value: object | None = None, traceback: object | None = None) -> None: ...

    def __call__(self, *args, **kwargs) -> None: ...

def exporter(file: str, fun: Callable, *, shapeless: bool = False, metadata: str | None = None) -> FunctionExporter:
    """
    A FunctionExporter: each call of it adds the trace for these arguments to the file.
    """

def export_to_dot(file: object, *args, **kwargs) -> None:
    """
    Writes the graph of unevaluated arrays to a file in DOT format; keyword arguments name arrays.
    """

def inner(arg0: array, arg1: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Sums of products over the last axes."""

def outer(arg0: array, arg1: array, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Products of all pairs of the flattened arrays."""

def tensordot(arg0: array, arg1: array, axes: object = 2, *, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Contracts the last `axes` axes of a with the first of b, or the listed pairs of axes.
    """

def vecdot(arg0: array, arg1: array, *, axis: int = -1, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Sums of conj(a) * b along an axis."""

def einsum(subscripts: str, *operands, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """Einstein summation, e.g. einsum('ij,jk->ik', a, b)."""

def einsum_path(subscripts: str, *operands) -> tuple:
    """
    The order of pairwise contractions that einsum uses, and a report on it.
    """

def hadamard_transform(a: array, scale: float | None = None, stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> array:
    """
    Walsh-Hadamard transform of the last axis (m * 2^k long, m in 1, 12, 20, 28), times scale (default 1/sqrt(n)).
    """

def sort(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """
    A sorted copy, NaN last.

    Args:
        a (array): any shape and dtype.
        axis (int, optional): the axis to sort along; None sorts the flattened array.

    Returns:
        array: the shape and dtype of ``a`` (1-D for axis None).

    Raises:
        ValueError: the axis is out of range.
    """

def argsort(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """
    The indices that sort an array. The sort is stable and puts NaN last.

    Args:
        a (array): any shape and dtype.
        axis (int, optional): the axis to sort along; None sorts the flattened array.

    Returns:
        array: uint32, the shape of ``a`` (1-D for axis None).
    """

def partition(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """
    A copy in which element ``kth`` stands where sorting would put it.

    Args:
        a (array): any shape and dtype.
        kth (int): the rank; negative counts from the end. Elements before it are not larger, elements after it not
            smaller, in no particular order.
        axis (int, optional): the axis; None means the flattened array.

    Returns:
        array: the shape and dtype of ``a`` (1-D for axis None).

    Raises:
        ValueError: ``kth`` or the axis is out of range.
    """

def argpartition(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """
    The indices that partition an array, see :func:`partition`.

    Args:
        a (array): any shape and dtype.
        kth (int): the rank; negative counts from the end.
        axis (int, optional): the axis; None means the flattened array.

    Returns:
        array: uint32, the shape of ``a`` (1-D for axis None).
    """

def topk(a: array, /, k: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """
    The ``k`` largest elements along an axis, in no particular order.

    Args:
        a (array): any shape and dtype.
        k (int): how many, from 0 to the length of the axis.
        axis (int, optional): the axis; None means the flattened array.

    Returns:
        array: the shape of ``a`` with ``k`` elements along the axis.

    Raises:
        ValueError: ``k`` or the axis is out of range.
    """

def searchsorted(sorted_sequence: array, values: array, /, side: str = 'left', *, stream: StreamOrDevice = None) -> array:
    """
    The positions at which values would be inserted into a sorted sequence to keep it sorted.

    Args:
        sorted_sequence (array): 1-D, ascending, NaN last.
        values (array): any shape; both arrays are promoted to one dtype.
        side (str, optional): ``"left"`` puts a value before the elements equal to it, ``"right"`` after them.

    Returns:
        array: uint32, the shape of ``values``.

    Raises:
        ValueError: the sequence is not 1-D or ``side`` is unknown.
    """

def median(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """
    The median over axes: the middle element, or the mean of the two in the middle.

    Args:
        a (array): any shape; integers are cast to float32.
        axis (int or list(int), optional): the axes to reduce; None means all.
        keepdims (bool, optional): keep the axes with length 1.

    Returns:
        array: the medians; NaN where an element is NaN.

    Raises:
        ValueError: an axis is out of range, given twice, or empty.
    """

def unique(a: array, /, size: int, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, fill_value: scalar | array | None = None, *, stream: StreamOrDevice = None) -> array | tuple[array, ...]:
    """
    The distinct elements of the flattened array, ascending.

    Args:
        a (array): any shape and dtype.
        size (int): how many to give. With fewer distinct elements the rest is filled up, with more only the smallest ones
            are given (and ``inverse`` points at the last one for those left out).
        return_index (bool, optional): also give where in the flattened ``a`` each value stands first.
        return_inverse (bool, optional): also give which value each element of ``a`` has.
        return_counts (bool, optional): also give how often each value occurs (0 for filled entries).
        fill_value (scalar or array, optional): the value of filled entries; by default the smallest element.

    Returns:
        array or tuple(array, ...): values (size,), then index (size,) uint32, inverse (the shape of ``a``) uint32 and counts
        (size,) int32 as asked for.

    Raises:
        ValueError: ``size`` is negative, ``fill_value`` has several elements, or an empty array has no fill value.
    """

def eval(*args) -> None:
    """Computes arrays, or every array in trees of list, tuple and dict."""

def async_eval(*args) -> None:
    """
    As eval, but returns once the work is under way where the device allows it.
    """

def load(file: file | str | pathlib.Path, /, format: str | None = None, return_metadata: bool = False, *, stream: StreamOrDevice = None) -> array | dict[str, array] | tuple[dict[str, array], dict[str, Any]]:
    """
    Loads arrays from a .npy, .npz, .safetensors or .gguf file; their data is read when they are evaluated.

    Args:
        file (file, str, Path): a path, or a file opened for reading in binary mode (read at once).
        format (str, optional): by default the file's extension.
        return_metadata (bool, optional): also return the metadata (safetensors and gguf only).

    Returns:
        array | dict: the array of a .npy file, else the arrays by name; with ``return_metadata`` a tuple of these
        and the metadata.

    Raises:
        RuntimeError: the file is missing, cut short or damaged.
        ValueError: the format is unknown.
    """

def save(file: file | str | pathlib.Path, arr: array) -> None:
    """
    Saves one array as a .npy file; the extension is added where it is missing.
    """

def savez(file: file | str | pathlib.Path, *args, **kwargs):
    """
    Saves arrays as a .npz file: positional ones as arr_0, arr_1, ..., keyword ones under their names.
    """

def savez_compressed(file: file | str | pathlib.Path, *args, **kwargs):
    """As savez, with compressed contents."""

def save_safetensors(file: file | str | pathlib.Path, arrays: dict[str, array], metadata: dict[str, str] | None = None):
    """
    Saves arrays by name, and texts by name as metadata, as a .safetensors file.
    """

def save_gguf(file: file | str | pathlib.Path, arrays: dict[str, array], metadata: dict[str, array | str | list[str]] = ...):
    """
    Saves arrays by name, with metadata (arrays of at most one dimension, texts, lists of texts), as a .gguf file.
    """
