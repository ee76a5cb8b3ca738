"""The alias: ``import mlx`` means mlx_rocm where asked for, and nowhere else."""

import os
import subprocess
import sys
import textwrap

import pytest


def run(arguments, folder, stdin=None, **environment):
    """Runs a fresh interpreter in an empty folder, so that no source tree shadows the installed package."""
    env = {k: v for k, v in os.environ.items() if k != "MLX_ROCM_ALIAS"}
    env.update(environment)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=env,
        input=stdin,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def check(code, folder, **environment):
    result = run(["-c", textwrap.dedent(code)], folder, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture
def foreign_mlx(tmp_path):
    """A stand-in for another MLX that is installed too; returns the PYTHONPATH to find it."""
    package = tmp_path / "foreign" / "mlx"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "core.py").write_text("MARK = 'another MLX'\n")
    (package / "only_there.py").write_text("")
    return os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")])


def test_modules_are_the_same_objects(tmp_path):
    check(
        """
        import mlx_rocm.alias
        import mlx, mlx.core as mx, mlx.nn as nn, mlx.utils, mlx.optimizers.schedulers
        import mlx.core.random
        from mlx.nn.layers.base import Module
        import mlx_rocm, mlx_rocm.core, mlx_rocm.nn, sys
        assert mlx is mlx_rocm and mx is mlx_rocm.core and nn is mlx_rocm.nn
        assert mlx.core.random is mlx_rocm.core.random is sys.modules["mlx.core.random"]
        assert Module is mlx_rocm.nn.Module
        assert nn.__spec__.name == nn.__name__ == "mlx_rocm.nn"
        """,
        tmp_path,
    )


@pytest.mark.parametrize(
    "name", ["mlx.nowhere", "mlx.nn.nowhere", "mlx.core.nowhere", "mlx.cli", "mlx.alias"]
)
def test_unknown_names_do_not_exist(tmp_path, name, foreign_mlx):
    code = f"""
        import importlib, mlx_rocm.alias
        try:
            importlib.import_module({name!r})
        except ModuleNotFoundError as error:
            assert error.name == {name!r}, error.name
        else:
            raise SystemExit("imported")
        """
    check(code, tmp_path, PYTHONPATH=foreign_mlx)


def test_files_run_once_even_in_an_import_cycle(tmp_path):
    (tmp_path / "cyclic.py").write_text(
        "import builtins\n"
        "builtins.runs = getattr(builtins, 'runs', 0) + 1\n"
        "import mlx.cyclic, mlx_rocm.cyclic\n"
    )
    check(
        f"""
        import mlx_rocm, mlx_rocm.alias, builtins
        mlx_rocm.__path__.append({str(tmp_path)!r})
        import mlx.cyclic, mlx_rocm.cyclic
        assert builtins.runs == 1 and mlx.cyclic is mlx_rocm.cyclic
        """,
        tmp_path,
    )


def test_another_mlx_is_left_alone_unless_asked(tmp_path, foreign_mlx):
    check(
        "import mlx_rocm.core, mlx.core; assert mlx.core.MARK == 'another MLX'",
        tmp_path,
        PYTHONPATH=foreign_mlx,
    )
    code = """
        import mlx_rocm.alias, mlx.core, mlx_rocm.core
        assert mlx.core is mlx_rocm.core
        try:
            import mlx.only_there
        except ModuleNotFoundError:
            pass
        else:
            raise SystemExit("fell through to the other MLX")
        mlx_rocm.alias.uninstall()
        import mlx.core
        assert mlx.core.MARK == 'another MLX'
        """
    check(code, tmp_path, PYTHONPATH=foreign_mlx)


def test_alias_after_another_mlx_is_an_error(tmp_path, foreign_mlx):
    result = run(["-c", "import mlx.core, mlx_rocm.alias"], tmp_path, PYTHONPATH=foreign_mlx)
    assert "ImportError: [alias] 'mlx" in result.stderr
    assert "was imported before the alias" in result.stderr


def test_package_metadata(tmp_path):
    check(
        """
        import importlib.metadata as metadata, importlib.util
        before = {d.metadata["Name"] for d in metadata.distributions()}
        import mlx_rocm.alias
        assert importlib.util.find_spec("mlx") is not None
        assert metadata.version("mlx").startswith("0.32")
        assert {d.metadata["Name"] for d in metadata.distributions()} == before | {"mlx"}
        assert metadata.packages_distributions()["mlx"]
        mlx_rocm.alias.uninstall()
        """,
        tmp_path,
    )


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "sub" / "program.py"
    path.parent.mkdir()
    (path.parent / "beside.py").write_text("")
    path.write_text(
        textwrap.dedent(
            """
            import sys, beside, mlx.core as mx, mlx_rocm.core
            assert mx is mlx_rocm.core and __name__ == "__main__" and sys.modules["__main__"].mx is mx
            if sys.argv[1:] == ["fail"]:
                raise KeyError("on purpose")
            print(sys.argv[1:], __file__ == sys.argv[0] or __file__.endswith("program.py"))
            sys.exit(7)
            """
        )
    )
    return path


def test_runner_runs_a_script(tmp_path, program):
    result = run(["-m", "mlx_rocm", str(program), "a", "--b"], tmp_path)
    assert (result.returncode, result.stdout) == (7, "['a', '--b'] True\n"), result.stderr


def test_runner_shows_only_the_programs_frames(tmp_path, program):
    result = run(["-m", "mlx_rocm", str(program), "fail"], tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("  File ") == 1
    assert "KeyError: 'on purpose'" in result.stderr
    broken = tmp_path / "broken.py"
    broken.write_text("x = = 1\n")
    result = run(["-m", "mlx_rocm", str(broken)], tmp_path)
    assert result.returncode == 1
    assert "SyntaxError" in result.stderr
    assert "runpy" not in result.stderr


def test_runner_runs_a_module_and_standard_input(tmp_path, program):
    result = run(["-m", "mlx_rocm", "-m", "program", "x"], program.parent)
    assert (result.returncode, result.stdout) == (7, "['x'] True\n"), result.stderr
    result = run(
        ["-m", "mlx_rocm", "-", "y"], tmp_path, stdin="import sys, mlx; print(mlx.__name__, sys.argv)"
    )
    assert result.stdout == "mlx_rocm ['-', 'y']\n", result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.py"], 2, "can't open file 'nowhere.py'"),
        (["-m", "nowhere.at.all"], 1, "no module named 'nowhere.at.all'"),
        (["--nonsense"], 2, "usage:"),
        ([], 2, "usage:"),
    ],
)
def test_runner_errors(tmp_path, arguments, code, message):
    result = run(["-m", "mlx_rocm", *arguments], tmp_path)
    assert result.returncode == code
    assert message in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


CHILD = (
    "import subprocess, sys; "
    "sys.exit(subprocess.call([sys.executable, '-c', 'import mlx.core as m; print(m)']))"
)


def test_children_inherit_the_alias_when_asked(tmp_path, foreign_mlx):
    asked = f"import mlx_rocm.alias; mlx_rocm.alias.inherit(); {CHILD}"
    assert "mlx_rocm" in check(asked, tmp_path, PYTHONPATH=foreign_mlx)
    alone = check(f"import mlx_rocm.alias; {CHILD}", tmp_path, PYTHONPATH=foreign_mlx)
    assert "foreign" in alone
    (tmp_path / "parent.py").write_text(CHILD)
    assert "mlx_rocm" in run(["-m", "mlx_rocm", "parent.py"], tmp_path, PYTHONPATH=foreign_mlx).stdout
    result = run(["-m", "mlx_rocm", "--no-children", "parent.py"], tmp_path, PYTHONPATH=foreign_mlx)
    assert "foreign" in result.stdout


def test_spawned_workers_run_under_the_alias(tmp_path):
    (tmp_path / "pool.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing
            import mlx.core as mx

            def work(n):
                return (mx.array(n) * 2).item(), mx.__name__

            if __name__ == "__main__":
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.map(work, [1, 2]))
            """
        )
    )
    result = run(["-m", "mlx_rocm", "pool.py"], tmp_path)
    assert result.stdout.strip() == "[(2, 'mlx_rocm.core'), (4, 'mlx_rocm.core')]", result.stderr


def test_another_sitecustomize_still_runs(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import builtins; builtins.site_ran = True\n")
    paths = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import mlx; print(mlx.__name__, site_ran)'], check=True)\n"
    )
    result = run(["-m", "mlx_rocm", "parent.py"], tmp_path, PYTHONPATH=paths)
    assert result.stdout == "mlx_rocm True\n", result.stderr
