"""The GPU device and the rest of its process: forks, threads that end, other users of the runtime, devices that it does not know,
limits that are set early, memory that is full. On the emulator only; a library in front of it says what a driver would say.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_gpu_core import EMULATED, answer

pytestmark = pytest.mark.gpu_only
if not EMULATED:
    pytest.skip("needs the emulator", allow_module_level=True)

# Stands in front of the emulator: names the first device as $FRONT_ARCH says, counts events, notes where memory was last taken.
FRONT = """
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
static void* below;
static void* find(const char* name) {
  if (!below) below = dlopen(getenv("FRONT_OF"), RTLD_NOW | RTLD_LOCAL);
  return dlsym(below, name);
}
int front_events = 0, front_malloc_on = -1;
int hipGetDevicePropertiesR0600(void* raw, int i) {
  int status = ((int (*)(void*, int))find("hipGetDevicePropertiesR0600"))(raw, i);
  if (i == 0 && getenv("FRONT_ARCH")) strcpy((char*)raw + 1160, getenv("FRONT_ARCH"));
  return status;
}
int hipMalloc(void** to, size_t bytes) {
  ((int (*)(int*))find("hipGetDevice"))(&front_malloc_on);
  return ((int (*)(void**, size_t))find("hipMalloc"))(to, bytes);
}
int hipEventCreateWithFlags(void** to, unsigned flags) {
  ++front_events;
  return ((int (*)(void**, unsigned))find("hipEventCreateWithFlags"))(to, flags);
}
"""


def emulator() -> Path:
    return Path(os.environ["MLX_ROCM_LIBRARIES"].split(":")[0])


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """Variables of a child that has the library in front."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("front")
    (folder / "front.c").write_text(FRONT)
    real = emulator() / "libamdhip64.so"
    library = folder / "libamdhip64.so"
    command = [
        compiler,
        "-shared",
        "-fPIC",
        "-o",
        library,
        folder / "front.c",
        "-Wl,--no-as-needed",
        real,
        "-ldl",
    ]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "libhiprtc.so").symlink_to(emulator() / "libhiprtc.so")
    return {"MLX_ROCM_LIBRARIES": str(folder), "FRONT_OF": str(real), "LD_LIBRARY_PATH": str(emulator())}


def test_a_device_of_an_unknown_kind_does_not_hide_the_others(front):
    code = """
        print(mx.device_count(mx.gpu), mx.device_info(mx.gpu)["architecture"].split(":")[0], mx.sum(mx.ones(10)).item())
    """
    assert answer(code, AMDEMU_ARCH="gfx1201,gfx942", FRONT_ARCH="gfx803", **front) == "1 gfx942 10.0"


def test_only_devices_of_unknown_kinds_leave_the_cpu(front):
    code = """
        print(mx.device_count(mx.gpu), mx.default_device(), mx.sum(mx.ones(10)).item())
        try:
            mx.set_default_device(mx.gpu)
        except ValueError as e:
            print("gfx803" in str(e))
    """
    lines = answer(code, AMDEMU_ARCH="gfx1201", FRONT_ARCH="gfx803", **front).splitlines()
    assert lines == ["0 Device(cpu, 0) 10.0", "True"]


def test_events_of_finished_work_are_used_again(front):
    code = """
        import ctypes, os
        events = ctypes.c_int.in_dll(ctypes.CDLL(os.environ["MLX_ROCM_LIBRARIES"] + "/libamdhip64.so"), "front_events")
        x = mx.ones(4)
        for _ in range(1500):
            mx.async_eval(x + 1)
        print(events.value < 1000)
    """
    assert answer(code, **front) == "True"


def test_limits_set_before_the_first_use_act():
    code = """
        print(mx.set_cache_limit(0) > 0, mx.set_memory_limit(1 << 30) > 0)
        mx.eval(mx.ones((8 << 20,), dtype=mx.uint8) + 1)
        mx.synchronize()
        print(mx.get_cache_memory() < 1 << 20, mx.device_info(mx.gpu)["max_recommended_working_set_size"] == 1 << 30)
    """
    assert answer(code).splitlines() == ["True True", "True True"]


FORK = """
    import os, signal
    x = mx.arange(10) + 1
    mx.eval(x)
    process = os.fork()
    if process == 0:
        signal.alarm(60)
        try:
            {work}
        except RuntimeError as e:
            print("forked" in str(e) and "spawn" in str(e), flush=True)
        os._exit(0)
    print(os.waitpid(process, 0)[1], mx.sum(x * 5).item())
"""


@pytest.mark.parametrize("work", ["print(mx.sum(x * 3).item())", "print(x.tolist())", "mx.eval(mx.ones(3))"])
def test_a_fork_says_that_it_has_no_gpu(work):
    """On hardware as here its streams do not exist in the child: a wait for them would never end."""
    assert answer(FORK.format(work=work)).splitlines() == ["True", "0 275"]


def test_a_fork_may_use_the_cpu():
    work = "print(mx.sum(mx.ones(5, stream=mx.cpu), stream=mx.cpu).item(), flush=True); mx.clear_cache()"
    assert answer(FORK.format(work=work)).splitlines() == ["5.0", "0 275"]


def test_threads_that_ended_leave_no_streams():
    code = """
        import os, threading
        def work():
            with mx.stream(mx.new_stream(mx.gpu)):
                mx.eval(mx.ones(3) + 1)
        counts = []
        for _ in range(40):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            counts.append(len(os.listdir("/proc/self/task")))  # the emulator has a thread for each stream
        print(counts[-1] - counts[5] < 5)
    """
    assert answer(code) == "True"


def test_small_arrays_when_memory_is_full():
    """Slabs shrink, blocks that another stream uses are waited for, larger blocks serve smaller requests."""
    code = """
        kept = []
        try:
            while True:
                kept.append(mx.ones((250_000,), dtype=mx.uint8) + 1)
                mx.eval(kept[-1])
        except RuntimeError as e:
            print(len(kept) * 250_000 > 40e6)
        # The free blocks are larger; then those of the right size are in the hands of a busy stream.
        busy = mx.new_stream(mx.gpu)
        del kept[-3:]
        many = [mx.ones((5000,)) + i for i in range(8)]
        mx.eval(many)
        late = [mx.sum(mx.multiply(x, 2, stream=busy), stream=busy) for x in many]
        mx.async_eval(late)
        del many
        again = [mx.ones((5000,)) + i for i in range(8)]
        mx.eval(again)
        print([int(mx.sum(x).item()) // 5000 for x in again] == list(range(1, 9)))
        print([int(x.item()) // 10000 for x in late] == list(range(1, 9)))
    """
    assert answer(code, AMDEMU_MEMORY="48M", AMDEMU_DELAY_US="300").splitlines() == ["True", "True", "True"]


def test_a_view_of_shared_memory_outlives_a_move_to_another_device():
    code = """
        discrete, shared = mx.Device(mx.gpu, 0), mx.Device(mx.gpu, 1)
        def total(x, d):
            return mx.sum(x, stream=d).item()
        x = mx.add(mx.arange(3000, stream=shared), 1, stream=shared)
        mx.eval(x)
        view = np.asarray(memoryview(x))
        first = total(x, discrete)
        mx.eval([mx.full((3000,), 7, dtype=mx.int32, stream=shared) for _ in range(4)])  # would take what the view shows
        print(np.array_equal(view, np.arange(3000) + 1), first == view.sum())
        view[0] = 500
        print([total(x, d) - int(view.sum()) for d in (discrete, shared, discrete, mx.cpu)])
        want = int(view.sum())
        del view
        x[2] = x[2] + 5
        print([total(x, d) - want for d in (discrete, shared, mx.cpu)])
    """
    lines = answer(code, AMDEMU_ARCH="gfx1201,gfx1151").splitlines()
    assert lines == ["True True", "[0, 0, 0, 0]", "[5, 5, 5]"]


def test_others_may_choose_a_device_of_the_runtime(front):
    """PyTorch in the same process calls hipSetDevice too; memory then came from the wrong device."""
    code = """
        import ctypes, os
        hip = ctypes.CDLL(os.environ["MLX_ROCM_LIBRARIES"] + "/libamdhip64.so")
        taken = ctypes.c_int.in_dll(hip, "front_malloc_on")
        for i, other in ((0, 1), (1, 0), (0, 1)):
            d = mx.Device(mx.gpu, i)
            mx.eval(mx.ones(3, stream=d))
            hip.hipSetDevice(other)
            x = mx.add(mx.ones(((3 + i + other) << 20,), dtype=mx.uint8, stream=d), 1, stream=d)
            mx.eval(x)
            print(taken.value, end=" ")
            mx.clear_cache()
    """
    assert answer(code, AMDEMU_ARCH="gfx1201,gfx942", **front) == "0 1 0"


def test_memory_of_small_arrays_serves_large_ones():
    """The record's number 12: a pool kept what small arrays had used until the process ended."""
    code = """
        small = [mx.ones((250_000,), dtype=mx.uint8) + i for i in range(100)]
        mx.eval(small)
        kept, small = small[0], None
        mx.synchronize()
        x = mx.ones((36 << 20,), dtype=mx.uint8)
        mx.eval(x)
        print(x[-3:].tolist(), kept[:3].tolist())
        del x, kept
        mx.clear_cache()
        info = mx.device_info(mx.gpu)
        print(mx.get_cache_memory() < 1 << 20, info["free_memory"] > 46 << 20)
        print([int(mx.sum(mx.ones((1000,)) + i).item()) for i in range(3)])
    """
    lines = answer(code, AMDEMU_MEMORY="48M").splitlines()
    assert lines == ["[1, 1, 1] [1, 1, 1]", "True True", "[1000, 2000, 3000]"]
