"""What the formats share: sources to read from, targets to write to."""

import contextlib
import os
import tempfile

import mlx_rocm.core as mx


class Memory:
    """Data that has been read already; the same interface as ``core._File``."""

    def __init__(self, data, path="the file"):
        self.data, self.path, self.size = data, path, len(data)

    def read(self, offset, count):
        if offset + count > self.size:
            raise RuntimeError(
                f"[load] {self.path} is cut short: it has {self.size} bytes, and {count} are wanted "
                f"from byte {offset} on."
            )
        return self.data[offset : offset + count]

    def array(self, offset, shape, dtype, swapped=False, stream=None):
        count = dtype.size
        for n in shape:
            count *= n
        data = self.read(offset, count)
        if swapped:
            width = dtype.size // (2 if dtype == mx.complex64 else 1)
            data = b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
        return mx._array_from_bytes(data, list(shape), dtype)


def open_source(file):
    """A path, or a file object opened for reading in binary mode, as something to read from."""
    if isinstance(file, (str, os.PathLike)):
        return mx._File(os.fspath(file))
    if hasattr(file, "read"):
        data = file.read()
        if isinstance(data, (bytes, bytearray)):
            return Memory(bytes(data), str(getattr(file, "name", "the file")))
    raise ValueError("[load] Input must be a path or a file object opened in binary mode.")


def write_target(file, extension, write):
    """Calls ``write`` with a file object. A path is replaced only when everything has been written."""
    if hasattr(file, "write"):
        write(file)
        return
    path = os.fspath(file)
    if not path.endswith(extension):
        path += extension
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe or a device: nothing to keep
        with open(path, "wb") as out:
            write(out)
        return
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise RuntimeError(f"[save] Failed to open file {path}: it is read-only.")
    folder, name = os.path.split(path)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=name + ".", suffix=".part", dir=folder)
    except OSError as error:
        raise RuntimeError(f"[save] Failed to open file {path}: {error.strerror}.") from None
    try:
        with open(descriptor, "wb") as out:
            write(out)
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(path):
    """Permissions of the file that is replaced, or what the umask gives a new one."""
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def check_array(value, function, name=""):
    """The array itself, or TypeError naming the function that wanted one."""
    if not isinstance(value, mx.array):
        what = f" for {name!r}" if name else ""
        raise TypeError(f"[{function}] Expected an array{what}, got {type(value).__name__}.")
    return value


def write_data(out, array):
    """Writes an array's elements in row-major order."""
    array = mx.contiguous(array)
    mx.eval(array)
    if array.size:
        out.write(memoryview(mx.view(mx.flatten(array), mx.uint8)))


def count_elements(shape, limit, path):
    """The number of elements of a shape read from a file; RuntimeError for one that cannot be."""
    count = 1
    for n in shape:
        if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n < 2**31:
            raise RuntimeError(f"[load] {path} is damaged: {list(shape)} is no shape.")
        count *= n
    if count > limit:
        raise RuntimeError(f"[load] {path} is damaged or cut short: shape {list(shape)} asks for too much.")
    return count
