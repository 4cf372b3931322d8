"""Decides on exposures together with the code that PYTHONPATH names; a process of `checkouts.py`.

    python benchmarks/checkouts_child.py

Reads directories from its input, a line each, and answers each with a line of JSON: ``nexp`` and ``note`` by
file name, and ``error``, which is empty where all went well. Its first line says where the package lies.
"""

import json
import sys
from pathlib import Path


def decided(directory):
    """Decide on the exposures of a directory.

    Parameters
    ----------
    directory : Path
        With their mask files.

    Returns
    -------
    dict
        nexp (the least of an exposure's chips), note, error.
    """
    from acs_deepcr_step import run
    from acs_deepcr_step.errors import RunError

    files, error = sorted(str(path) for path in directory.glob("*_flc.fits")), ""
    try:
        table = run(files, consensus="auto", runfile="", progress=False)
    except RunError as failure:
        table, error = failure.table, str(failure)
    except Exception as failure:
        return {"nexp": {}, "note": {}, "error": f"{type(failure).__name__}: {failure}"}
    answer = {"nexp": {}, "note": {}, "error": error}
    for row in table:
        name = Path(row["filename"]).name
        answer["nexp"][name] = min(int(row["nexp"]), answer["nexp"].get(name, sys.maxsize))
        answer["note"][name] = str(row["note"]) or answer["note"].get(name, "")
    return answer


def main():
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    import acs_deepcr_step

    print(json.dumps(str(Path(acs_deepcr_step.__file__).resolve().parents[1])), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(decided(Path(line.strip()))), file=answers, flush=True)


if __name__ == "__main__":
    main()
