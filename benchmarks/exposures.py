"""Simulated exposures to measure on, fresh copies of them, and cases in processes of their own."""

import json
import shutil
import subprocess
import sys
import tempfile
from itertools import cycle
from pathlib import Path

from acs_deepcr_step import simulate
from acs_deepcr_step.simulate.options import DITHERS


class Data:
    """Simulated exposures in a temporary directory; a context manager.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of a chip; every exposure has two chips.
    n : int
        How many exposures.
    field : str
        As of `simulate.association`.
    """

    def __init__(self, shape, n=4, field="sparse"):
        self.shape, self._n, self._field = shape, n, field

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="acs_deepcr_benchmark_")
        self.root = Path(self._directory.name)
        self.paths = simulate.association(
            self.root / "originals", n=self._n, shape=self.shape, field=self._field,
            dithers=_dithers(self._n),
        )  # fmt: skip
        return self

    def __exit__(self, *exception):
        self._directory.cleanup()

    def copies(self, n, name="work"):
        """Return n exposures in a directory of their own, as they were simulated.

        Parameters
        ----------
        n : int
            If more than were simulated, some are the same under other names.
        name : str
            The directory, which is emptied.

        Returns
        -------
        list of Path
        """
        directory = self.root / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        copied = []
        for i in range(n):
            source = self.paths[i % len(self.paths)]
            target = directory / (source.name if i < len(self.paths) else f"j8sm{i:02d}aaq_flc.fits")
            copied.append(Path(shutil.copyfile(source, target)))
        return copied


def in_child(directory, *case):
    """Run a case of ``child.py`` in a process of its own.

    Parameters
    ----------
    directory : Path
        Holds the exposures; it is changed.
    *case : str

    Returns
    -------
    dict or None
        What the case printed; None if it failed, which is reported on stderr.
    """
    command = [sys.executable, str(Path(__file__).with_name("child.py")), *case, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(case)} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def _dithers(n):
    """Return the pattern of the simulator; each time it is repeated it lies 2.3 pixels farther."""
    return [(dy + 2.3 * (i // len(DITHERS)), dx) for i, (dy, dx) in zip(range(n), cycle(DITHERS))]
