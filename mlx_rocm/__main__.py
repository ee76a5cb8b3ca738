"""``python -m mlx_rocm SCRIPT [args]`` and ``python -m mlx_rocm -m MODULE [args]``.

Runs an unchanged MLX program on mlx_rocm: ``import mlx`` means mlx_rocm in it and in the Python processes
it starts (``--no-children`` in front: in it alone). Exit codes, ``sys.argv``, ``sys.path[0]``, the
``__main__`` module and tracebacks are those of ``python SCRIPT`` and ``python -m MODULE``.
"""

import importlib.util
import io
import os
import runpy
import sys

USAGE = """usage: python -m mlx_rocm [--no-children] SCRIPT [args]
       python -m mlx_rocm [--no-children] -m MODULE [args]

Runs a program written for MLX on mlx_rocm. SCRIPT may be - for standard input.
The command line tools (generate, chat, ...) are in: mlx-rocm --help"""


def _hide_own_frames():
    """Tracebacks begin in the user's program, not in this file."""
    previous = sys.excepthook

    def hook(kind, value, traceback):
        tb = traceback
        while tb is not None and tb.tb_frame.f_code is not _execute.__code__:
            tb = tb.tb_next
        if tb is not None or isinstance(value, SyntaxError):  # a SyntaxError comes before the program runs
            traceback = tb and tb.tb_next
        previous(kind, value.with_traceback(traceback), traceback)

    sys.excepthook = hook


def _execute(code, **attributes):
    """Runs code in the real ``__main__``, which multiprocessing and pickle look at."""
    namespace = sys.modules["__main__"].__dict__
    builtins = namespace["__builtins__"]
    namespace.clear()
    defaults = {"__doc__": None, "__package__": None, "__loader__": None, "__spec__": None}
    namespace.update(defaults, __name__="__main__", __builtins__=builtins, **attributes)
    exec(code, namespace)  # noqa: S102 - running a program is the job


def _run_script(path, arguments):
    sys.argv = [path, *arguments]
    if path == "-":
        sys.path[0] = ""
        return _execute(compile(sys.stdin.read(), "<stdin>", "exec"))
    if not os.path.exists(path):
        print(f"mlx_rocm: can't open file {path!r}: no such file", file=sys.stderr)
        raise SystemExit(2)
    if os.path.isdir(path) or not path.endswith((".py", ".pyw")) and _is_zip(path):
        return runpy.run_path(path, run_name="__main__")
    full = os.path.abspath(path)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(full)
    with io.open_code(full) as file:
        code = compile(file.read(), full, "exec")
    return _execute(code, __file__=full, __cached__=None)


def _is_zip(path):
    import zipfile

    return zipfile.is_zipfile(path)


def _find_module(name):
    """The spec to run for ``-m name``: the module, or ``__main__`` of a package. None if there is none."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(name + ".__main__")
    except ModuleNotFoundError as error:
        if error.name and (name + ".__main__").startswith(error.name):
            return None
        raise
    return spec


def _run_module(name, arguments):
    spec = _find_module(name)
    code = spec.loader.get_code(spec.name) if spec is not None and hasattr(spec.loader, "get_code") else None
    if code is None:
        print(f"mlx_rocm: no module named {name!r} that can be run", file=sys.stderr)
        raise SystemExit(1)
    sys.argv = [spec.origin, *arguments]
    attributes = {"__loader__": spec.loader, "__spec__": spec, "__package__": spec.parent}
    return _execute(code, __file__=spec.origin, __cached__=spec.cached, **attributes)


def main():
    arguments = sys.argv[1:]
    children = True
    if arguments and arguments[0] == "--no-children":
        arguments, children = arguments[1:], False
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        raise SystemExit(0 if arguments else 2)
    is_option = arguments[0].startswith("-") and arguments[0] not in ("-", "-m")
    if is_option or (arguments[0] == "-m" and len(arguments) < 2):
        print(USAGE, file=sys.stderr)
        raise SystemExit(2)

    from . import alias

    if children:
        alias.inherit()
    _hide_own_frames()
    if arguments[0] == "-m":
        _run_module(arguments[1], arguments[2:])
    else:
        _run_script(arguments[0], arguments[1:])


if __name__ == "__main__":
    # Through the import system once more: this namespace is about to become the program's.
    from mlx_rocm.__main__ import main as run

    run()
