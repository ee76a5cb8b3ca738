"""Communication between processes."""

import mlx_rocm.core


from collections.abc import Callable, Sequence
from mlx_rocm.core import Dtype, StreamOrDevice, array, scalar

class Group:
    """The processes that work together."""

    def rank(self) -> int:
        """The number of this process in the group."""

    def size(self) -> int:
        """How many processes the group has."""

    def split(self, color: int, key: int = -1) -> Group:
        """
        Groups of the processes with equal color. RuntimeError: this group has one process.
        """

def is_available(backend: str = 'any') -> bool:
    """Whether this build can talk to other processes through the backend."""

def init(strict: bool = False, backend: str = 'any', *, all_gather_factory: object | None = None) -> Group:
    """
    The group of all processes: this one. RuntimeError with ``strict``, since there is no backend to start.
    """

def all_sum(x: scalar | array, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """The sum over all processes."""

def all_max(x: scalar | array, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """The largest over all processes."""

def all_min(x: scalar | array, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """The smallest over all processes."""

def all_gather(x: scalar | array, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """The arrays of all processes, concatenated along the first axis."""

def sum_scatter(x: scalar | array, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """This process's part of the sum over all processes."""

def send(x: mlx_rocm.core.array, dst: int, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """Needs a second process."""

def recv(shape: int | Sequence[int], dtype: mlx_rocm.core.Dtype, src: int, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """Needs a second process."""

def recv_like(x: mlx_rocm.core.array, src: int, *, group: Group | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """Needs a second process."""
