"""Start-up hook of child processes under the alias (see ``mlx_rocm.alias.inherit``).

Python imports ``sitecustomize`` before the program. This one is found through ``PYTHONPATH``, acts only
if ``MLX_ROCM_ALIAS`` is 1, and then runs the ``sitecustomize`` that it stands in front of, if any.
"""

import importlib.machinery
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def _install_alias():
    package = os.path.dirname(HERE)
    spec = importlib.util.spec_from_file_location(
        "_mlx_rocm_alias_hook", os.path.join(package, "_alias_hook.py")
    )
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    if importlib.util.find_spec("mlx_rocm") is None:  # the parent found it some other way
        sys.path.append(os.path.dirname(package))
    hook.install()


def _run_shadowed():
    rest = [p for p in sys.path if os.path.abspath(p) != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if os.environ.get("MLX_ROCM_ALIAS") == "1":
    _install_alias()
_run_shadowed()
