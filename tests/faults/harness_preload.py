"""What the server of `harness` does once, for all processes that it forks: import, and one run.

The run loads the weights and prepares the network. It leaves no thread behind, so that forking is safe.
"""

import importlib
import tempfile
import threading
from pathlib import Path

_WORK = "acs_deepcr_step.work"

for _name in ("harness", f"{_WORK}.exposure_work", f"{_WORK}.undo_work", f"{_WORK}.executors"):
    importlib.import_module(_name)


def _warm_up():
    from tqdm import tqdm

    import acs_deepcr_step
    from acs_deepcr_step import simulate

    tqdm.monitor_interval = 0  # its thread would stay
    with tempfile.TemporaryDirectory() as directory:
        path = simulate.association(Path(directory), n=1, shape=(64, 64), chips=2, seed=1)[0]
        pars = {"runfile": "", "progress": False}
        acs_deepcr_step.run(path, precision="float32", **pars)
        acs_deepcr_step.undo(path, **pars)
    others = threading.enumerate()[1:]
    assert not others, others


_warm_up()
