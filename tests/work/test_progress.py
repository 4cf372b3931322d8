"""The progress bars, on a real terminal and where there is none."""

import os
import pty
import re
import subprocess
import sys
import termios
import threading

import pytest

RUN = "import acs_deepcr_step as a; a.run('*_flc.fits', runfile='', {})"


def on_terminal(code):
    """What a Python process writes to standard error if that is a terminal."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 100))
    written = bytearray()

    def read():
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux says so when the other side is closed
                return
            if not part:
                return
            written.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        # Every update is drawn, however quick the machine is.
        environment = {**os.environ, "TQDM_MININTERVAL": "0", "TQDM_MINITERS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], stderr=its, stdout=subprocess.PIPE, env=environment
        )
    finally:
        os.close(its)
        reader.join()
        os.close(ours)
    assert done.returncode == 0 and not done.stdout
    return written.decode()


def screen(text):
    """The lines that a terminal shows at the end."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[A|.|\s", text):
        if part == "\x1b[A":
            row -= 1
        elif part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        else:
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + 1 :]
            column += 1
    return lines


def test_terminal_shows_exposures_and_below_them_the_tiles_of_the_chip(pair):
    shown = on_terminal(RUN.format("consensus='no'"))
    assert "deepCR" in shown and "2/2" in shown and "exposure" in shown
    for path in pair:
        for extver in (1, 2):
            assert f"{path.name[:9]}[SCI,{extver}]" in shown
    assert "1/1" in shown and "tile" in shown
    [stays] = [line for line in screen(shown) if line.strip()]
    assert stays.startswith("deepCR: 100%")


def test_terminal_shows_the_exposures_that_are_decided_on_together(pair):
    shown = on_terminal(RUN.format(""))
    # Each is measured, and then decided on.
    assert "together" in shown and "4/4" in shown and "[SCI,1]" in shown
    assert [line.split(":")[0] for line in screen(shown) if line.strip()] == ["deepCR", "together"]


@pytest.mark.slow  # two more processes that load PyTorch
def test_worker_processes_show_no_tiles(pair):
    shown = on_terminal("if __name__ == '__main__': " + RUN.format("workers=2, consensus='no'"))
    assert "2/2" in shown and "tile" not in shown


def test_terminal_stays_empty_where_no_progress_is_wanted(pair):
    assert on_terminal(RUN.format("progress=False")) == ""


def test_nothing_is_printed_where_there_is_no_terminal(pair):
    done = subprocess.run([sys.executable, "-c", RUN.format("")], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
