"""``acs-deepcr patches``: exposures with their truth, cut into patches for training."""

from ...work.printing import say
from .truth_files import truth_files

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "patches"
HELP = "cut exposures and their truth into patches to train on"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILES",
        help="truth files, or exposures with theirs beside them; or the directory of the published archive; "
        "none with --simulate",
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="for the patches; finished sets are kept"
    )
    parser.add_argument(
        "--truth",
        choices=("crtruth", "simulated"),
        default="crtruth",
        help="truth by AstroDrizzle (<root>_flc_crtruth.fits) or the simulator's (<root>_flc_truth.fits); "
        "default: crtruth",
    )
    parser.add_argument(
        "--simulate",
        type=int,
        metavar="N",
        help="simulate N chips of every kind instead, 30 s exposures and all: what ACS-WFC-fast learnt from "
        "(default: none)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of --simulate (default: 0)")
    parser.add_argument(
        "--sharp",
        type=float,
        default=0.25,
        metavar="SHARE",
        help="of the chips of --simulate whose cosmic rays are sharp tracks (default: 0.25)",
    )
    parser.add_argument("--side", type=int, metavar="PIXELS", help="of a patch (default: 256)")
    parser.add_argument("--border", type=int, metavar="PIXELS", help="left out at all edges (default: 128)")
    parser.add_argument(
        "--min-exptime", type=float, metavar="SECONDS", help="shorter exposures are left out (default: 100)"
    )


def main(arguments):
    """Write the patches and print their numbers per set.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        See `patches.dataset.write`.
    """
    from ..patches.dataset import PatchOptions, write

    settings = {name: getattr(arguments, name) for name in ("side", "border", "min_exptime")}
    samples, fixed = _simulated(arguments) if arguments.simulate is not None else _samples(arguments)
    given = {name: value for name, value in settings.items() if value is not None}
    options = PatchOptions(**given | fixed)
    table = write(samples, arguments.output, options)
    if len(table):
        say("\n".join(table.pformat(max_lines=-1, max_width=-1)))
    say(
        f"Patches are in {arguments.output}: acs-deepcr train {arguments.output} --output model.safetensors"
    )


def _samples(arguments):
    """Return the samples, set after set, and the options that their source fixes."""
    from pathlib import Path

    from ...errors import InputError
    from ...files import inputs
    from ..patches import published
    from ..simulated import simulator

    if not arguments.files:
        raise InputError("No FILES are given: give truth files, exposures, or --simulate N.")
    if len(arguments.files) == 1 and Path(arguments.files[0]).is_dir():
        # The published patches, which are cut already.
        return published.samples(Path(arguments.files[0])), {"border": 0, "side": 256}
    paths = inputs.expand(arguments.files).paths
    if arguments.truth == "simulated":
        return simulator.samples(sorted(paths, key=lambda path: (str(path.resolve().parent), path.name))), {}
    return _with_truth_files(paths, arguments.output), {}


def _simulated(arguments):
    """Return simulated samples, and the options that they have unless others are given."""
    from ...errors import ParameterError
    from ..simulated import variety

    if arguments.files:
        raise ParameterError("--simulate makes its own exposures: give FILES, or --simulate N, not both.")
    if not 1 <= arguments.simulate <= variety.MOST or arguments.seed < 0:
        raise ParameterError(
            f"--simulate {arguments.simulate} --seed {arguments.seed}: give 1 to {variety.MOST} chips and a "
            "seed of 0 or more."
        )
    if not 0 <= arguments.sharp <= 1:
        raise ParameterError(f"--sharp {arguments.sharp}: give a share from 0 to 1.")
    fixed = {"border": 0, "min_exptime": variety.MIN_EXPTIME}
    return variety.samples(arguments.simulate, arguments.seed, arguments.sharp), fixed


def _with_truth_files(paths, directory):
    """Return the samples of truth files, sorted by set, without finished sets."""
    from ..patches.dataset import finished
    from ..truth import file as truth_file

    kept, chosen = finished(directory), {}
    for path in truth_files(paths):
        chosen.setdefault(truth_file.read(path).observation_set, []).append(path)
    for name in sorted(kept & chosen.keys()):
        say(f"{name}: finished before, kept")
    return truth_file.samples(path for name in sorted(chosen.keys() - kept) for path in chosen[name])
