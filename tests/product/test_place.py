"""What lies where a product goes, and what becomes of drizzlepac when its call is killed."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from acs_deepcr_step.errors import OutputError
from acs_deepcr_step.product import workplace

SLEEPER = "from pathlib import Path; import time; Path('begun').touch(); time.sleep(60)"
CALLER = """
from pathlib import Path
from acs_deepcr_step.product import drizzlepac_process
drizzlepac_process.python("sleeper", "none", Path())
"""


def test_drizzlepac_ends_with_the_process_that_called_it(here, monkeypatch):
    (here / "sleeper.py").write_text(SLEEPER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")]))
    caller = subprocess.Popen([sys.executable, "-c", CALLER])
    end = time.monotonic() + 60
    while not (here / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    family = psutil.Process(caller.pid).children(recursive=True)
    assert family
    caller.kill()
    caller.wait(10)
    assert not psutil.wait_procs(family, timeout=5)[1]


@pytest.mark.parametrize("ending", workplace.LOGS.values())
def test_log_of_another_program_is_never_replaced(here, ending):
    theirs = here / f"final{ending}"
    theirs.write_text("a log of mine\n")
    with pytest.raises(OutputError, match=f"{theirs.name} is there already and is no log"):
        workplace.Place.of("final")
    theirs.unlink()
    theirs.symlink_to("nowhere")
    with pytest.raises(OutputError, match=f"{theirs.name} is there already"):
        workplace.Place.of("final")


@pytest.mark.parametrize(("modes", "wanted"), [([0o644, 0o600], 0o600), ([0o640, 0o664], 0o640)])
def test_a_product_is_as_private_as_its_exposures(here, modes, wanted):
    sources = [here / f"{number}_flc.fits" for number in range(len(modes))]
    for path, mode in zip(sources, modes, strict=True):
        path.touch()
        path.chmod(mode)
    with workplace.opened(workplace.Place.of("final")) as work:
        (work.directory / "final_drc.fits").write_text("pixels")
        [made] = work.publish(["final_drc.fits"], sources)
    assert made.stat().st_mode & 0o777 == wanted
