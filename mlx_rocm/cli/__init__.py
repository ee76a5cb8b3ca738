"""The ``mlx-rocm`` command: language models from the command line, through the ``mlx-lm`` package.

Each command checks the model first (:mod:`.checkpoint`), chooses the device, puts the alias in place and
then hands over to the command of the same name in mlx-lm, whose options it therefore takes.
"""

import argparse
import os
import sys

DESCRIPTION = (
    "Language models on mlx_rocm. Options not listed here go to the mlx-lm command of the same name."
)
COMMANDS = {
    "generate": "write text after a prompt",
    "chat": "talk with a model",
    "convert": "quantise or convert a model",
    "lora": "fine-tune a model",
    "server": "serve a model over HTTP (OpenAI's protocol)",
    "warm": "compile GPU kernels ahead of their first use",
    "info": "show devices, memory, versions and caches",
}


def _parser(command):
    parser = argparse.ArgumentParser(prog=f"mlx-rocm {command}", allow_abbrev=False, add_help=False)
    if command == "convert":
        parser.add_argument(
            "--model", "--hf-path", help="folder or Hugging Face name of the model (required)"
        )
    else:
        parser.add_argument(
            "--model",
            help="folder or Hugging Face name of the model. Default: a tiny story writer that is built in",
        )
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto", help="default: auto")
    parser.add_argument(
        "--no-memory-check", action="store_true", help="load the model even if it is too large"
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error comes from")
    parser.add_argument("-h", "--help", action="store_true", help="show this and mlx-lm's options")
    return parser


def _usage():
    rows = "\n".join(f"  {name:10s}{text}" for name, text in COMMANDS.items())
    return (
        f"usage: mlx-rocm COMMAND [options]\n\n{DESCRIPTION}\n\n{rows}\n\n"
        "mlx-rocm COMMAND --help shows a command's options. "
        "Programs written for MLX: python -m mlx_rocm --help"
    )


def main(argv=None):
    """Entry point of ``mlx-rocm``; returns the exit code."""
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except BrokenPipeError:  # the reader of our output (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(_usage())
        return 0 if argv else 2
    command, rest = argv[0], argv[1:]
    if command in ("-V", "--version"):
        from mlx_rocm.version import __version__

        print(__version__)
        return 0
    if command not in COMMANDS:
        print(f"mlx-rocm: unknown command {command!r}. Commands: {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    if command == "info":
        from . import info

        return info.main(rest)
    if command == "warm":
        from . import warm

        return warm.main(rest)
    from . import commands

    options, passed_on = _parser(command).parse_known_args(rest)
    return commands.run(command, options, passed_on, _parser(command))
