"""Completeness: every public function of MLX 0.32 exists here and has a row in the op table, or a named
test file of its own;
every primitive that the core registers is exercised by some row."""

import json
import re
import struct
from pathlib import Path

from case import draw_inputs, leaves, mx_inputs
from op_table import CASES

NAMES = json.loads((Path(__file__).parent / "data" / "public_names.json").read_text())["names"]
TESTS = Path(__file__).parent

# Public names that compute nothing from arrays: the file that tests them.
ELSEWHERE = {
    "test_op_compile.py": ["compile", "disable_compile", "enable_compile"],
    "test_op_export.py": ["export_function", "exporter", "import_function", "export_to_dot"],
    "test_op_grads.py": ["jvp", "vjp"],
    "test_op_vmap.py": ["vmap", "grad"],
    "test_transforms.py": ["checkpoint", "value_and_grad"],
    "test_memory.py": [
        "clear_cache",
        "get_active_memory",
        "get_cache_memory",
        "get_memory_limit",
        "get_peak_memory",
        "reset_peak_memory",
        "set_cache_limit",
        "set_memory_limit",
        "set_wired_limit",
        "get_array_buffer_size",
    ],
    "test_streams.py": [
        "default_device",
        "default_stream",
        "device_count",
        "device_info",
        "is_available",
        "new_stream",
        "new_thread_local_stream",
        "new_thread_unsafe_stream",
        "set_default_device",
        "set_default_stream",
        "stream",
        "synchronize",
        "clear_streams",
        "async_eval",
        "eval",
    ],
    "test_dtypes.py": ["can_cast", "isdtype", "issubdtype", "result_type"],
    "test_interop.py": [
        "asarray",
        "from_dlpack",
        "__array_namespace_info__",
        "get_printoptions",
        "printoptions",
        "set_printoptions",
        "random.seed",
        *[
            f"array.{n}"
            for n in (
                "__array__",
                "__array_namespace__",
                "__bool__",
                "__bytes__",
                "__complex__",
                "__dlpack__",
                "__dlpack_device__",
                "__float__",
                "__format__",
                "__getstate__",
                "__index__",
                "__init__",
                "__int__",
                "__iter__",
                "__len__",
                "__repr__",
                "__setstate__",
                "at",
                "dtype",
                "item",
                "itemsize",
                "nbytes",
                "ndim",
                "shape",
                "size",
                "tolist",
            )
        ],
    ],
    "test_io_corruption.py": ["load", "save", "save_gguf", "save_safetensors", "savez", "savez_compressed"],
    "test_errors.py": [
        "fast.metal_kernel",
        "fast.cuda_kernel",
        "fast.precompiled_cuda_kernel",
    ],
    "test_indexing_laws.py": ["ArrayAt.__getitem__", "ArrayAt.__init__"],
}
EXEMPT = {name: file for file, names in ELSEWHERE.items() for name in names}


def public():
    for module, names in NAMES.items():
        for n in names:
            yield n if module == "core" else f"{module}.{n}"


def test_every_function_exists(mx):
    missing = []
    for name in public():
        owner = (
            mx.array
            if name.startswith("array.")
            else getattr(mx, "ArrayAt", None)
            if name.startswith("ArrayAt.")
            else mx
        )
        for part in name.split(".")[0 if owner is mx else 1 :]:
            owner = getattr(owner, part, None)
        if owner is None:
            missing.append(name)
    assert not missing, f"{len(missing)} public names are missing: {', '.join(missing)}"


def test_every_function_has_a_case():
    covered = {c.op for c in CASES}
    missing = [n for n in public() if n not in covered and n not in EXEMPT]
    assert not missing, f"no row in the op table (tests/cases/): {', '.join(missing)}"


def test_exemptions_are_true():
    known = set(public())
    for file, names in ELSEWHERE.items():
        text = (TESTS / file).read_text()
        for n in names:
            assert n in known, f"{n} is not a public function"
            short = n.split(".")[-1]
            shown = {
                "__len__": "len(",
                "__iter__": "iter(",
                "__repr__": "repr(",
                "__init__": "array(",
                "__index__": "operator.index",
                "__bool__": "bool(",
                "__bytes__": "bytes(",
                "__complex__": "complex(",
                "__float__": "float(",
                "__int__": "int(",
                "__format__": "format(",
                "__getstate__": "pickle",
                "__setstate__": "pickle",
                "__array__": "np.array",
                "__array_namespace__": "__array_namespace__",
                "__getitem__": ".at[",
                "at": ".at[",
            }
            if n == "ArrayAt.__init__":
                continue
            assert shown.get(short, short) in text, f"{file} does not mention {n}"


def test_public_extras_are_few(mx):
    """Functions that only we have must be private or known here."""
    ours = {"AxisError"}
    known = set(NAMES["core"]) | ours
    extra = [
        n
        for n in dir(mx)
        if not n.startswith("_")
        and n not in known
        and type(getattr(mx, n)).__name__ in ("nb_func", "builtin_function_or_method", "function")
    ]
    assert not extra, f"public functions that MLX does not have and that no test names: {extra}"


# Ops that no row exports: one that only a file can make (test_io_corruption.py reads them), two that hand their input
# on and are left out of compiled programs (rows of stop_gradient and of astype to the same type), and kernels in
# Metal's language, which cannot run here (test_fusion.py exports one).
NOT_EXPORTED = {"load", "copy", "stop_gradient", "metal_kernel", "hip_kernel"}


def arrays_of(mx, c):
    """The row's function with array results only, and its gradient where it has one: (function, inputs) pairs."""
    inputs = mx_inputs(mx, c, c.dtypes[0], draw_inputs(c, c.dtypes[0]))

    def value(*a):
        return tuple(x for x in leaves(c.call(mx, *a)) if isinstance(x, mx.array))

    yield value, inputs
    if c.grad and "float32" in c.dtypes:
        inputs = mx_inputs(mx, c, "float32", draw_inputs(c, "float32"))

        def gradient(*a):
            def f(*differentiated):
                full = dict(zip(c.grad, differentiated, strict=True))
                return [full.get(i, x) for i, x in enumerate(a)]

            def total(*d):
                return sum(mx.abs(x).sum() for x in value(*f(*d)))

            return tuple(leaves(mx.grad(total, argnums=tuple(range(len(c.grad))))(*[a[k] for k in c.grad])))

        yield gradient, inputs


def test_every_primitive_has_a_case(mx, tmp_path):
    """Exported rows and gradients, with fixed shapes and shapeless, together mention every registered primitive."""
    path = tmp_path / "f.mlxfn"
    waiting = {
        name: struct.pack("<Q", len(name)) + name.encode()
        for name in set(mx._registered_ops()) - NOT_EXPORTED
    }
    for c in CASES:
        if not (c.export and c.compile and c.args):
            continue
        with mx.stream(mx.cpu):
            for f, inputs in arrays_of(mx, c):
                for shapeless in (False, True):
                    try:
                        mx.export_function(str(path), f, *inputs, shapeless=shapeless)
                    except ValueError:
                        assert shapeless  # not every row works for unknown shapes
                        continue
                    data = path.read_bytes()
                    waiting = {n: mark for n, mark in waiting.items() if mark not in data}
        if not waiting:
            return
    assert not waiting, f"registered primitives that no row reaches: {', '.join(sorted(waiting))}"


# Ops without a kernel: MLX computes factorisations on the CPU too, files are read there.
WITHOUT_KERNEL = {"Lu", "Inverse", "Cholesky", "Qr", "Svd", "Eigh", "Eig", "Load"}
CLASS = r"^(?:class|struct) (\w+)(?: final)?(?: : (?:public )?([^{;]+?))? \{(.*?)^\}[^;\n]*;"
RUNS_ON_GPU = r"\bgpu\(const Arrays&|bool is_view\(\) const override \{ return true"


def test_every_op_has_a_gpu_kernel():
    """Read off the sources, so that an op added without gpu() shows on machines without a GPU."""
    classes, registered = {}, set()
    for path in sorted((TESTS.parent / "backend").rglob("*")):
        if path.parent.name in ("ops", "transforms") and path.suffix in (".h", ".cpp"):
            text = path.read_text()
            for name, bases, body in re.findall(CLASS, text, re.DOTALL | re.MULTILINE):
                classes[name] = (bases, body)
            registered |= set(re.findall(r"^REGISTER_OP\((\w+)\)", text, re.MULTILINE))

    def has_kernel(name):
        bases, body = classes.get(name, ("", ""))
        inherited = (b for b in re.findall(r"\w+", bases) if b != name and b in classes)
        return bool(re.search(RUNS_ON_GPU, body)) or any(has_kernel(b) for b in inherited)

    assert len(registered) > 60
    without = {name for name in registered if not has_kernel(name)}
    assert without == WITHOUT_KERNEL
