"""Checkouts of the package that decide side by side, each in a process of its own (`checkouts_child.py`)."""

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import acs_deepcr_step

_CHILD = Path(__file__).with_name("checkouts_child.py")


class Code:
    """A checkout of the package, which decides in a process of its own.

    Parameters
    ----------
    name : str
    directory : Path
        Of the checkout.
    log : Path
        For what the process says.

    Raises
    ------
    RuntimeError
        If it takes another package, or ends early.
    """

    def __init__(self, name, directory, log):
        self.name, self._log = name, log
        directory = Path(directory).resolve()
        with open(log, "w") as target:
            self._process = subprocess.Popen(
                [sys.executable, str(_CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=target,
                text=True, env={**os.environ, "PYTHONPATH": str(directory)},
            )  # fmt: skip
        package = self._answer()
        if Path(package) != directory:
            self.close()
            raise RuntimeError(f"code {name} is of {package}: name a directory that holds acs_deepcr_step")

    def decide(self, directory):
        """Decide on the exposures of a directory, as `checkouts_child.decided` does."""
        print(directory, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of code {self.name} ended: see {self._log}")
        return json.loads(line)

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait()


def add_code_argument(parser):
    """Add ``--code`` to a command line."""
    parser.add_argument(
        "--code", type=_code, nargs="+", default=[], metavar="NAME=DIR", help="before=DIR, say"
    )


def _code(text):
    name, equals, directory = text.partition("=")
    if not (name.isidentifier() and equals and Path(directory, "acs_deepcr_step").is_dir()):
        raise argparse.ArgumentTypeError(f"{text!r}: give NAME=DIR, DIR being a checkout")
    return name, Path(directory)


@contextmanager
def codes_of(arguments, benchmark):
    """Start this code, called ``now``, and those of a command line; they end with the context.

    Parameters
    ----------
    arguments : argparse.Namespace
        With `code` and `output`.
    benchmark : str
        Its name: what the processes say is in ``<benchmark>_<code>.log``.

    Yields
    ------
    list of Code
    """
    places = {"now": Path(acs_deepcr_step.__file__).parents[1], **dict(arguments.code)}
    with ExitStack() as stack:
        codes = []
        for name, place in places.items():
            codes.append(Code(name, place, arguments.output / f"{benchmark}_{name}.log"))
            stack.callback(codes[-1].close)
        yield codes
