"""``acs-deepcr patches``: exposures with their truth, cut into what a network is trained on."""

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
        nargs="+",
        metavar="FILES",
        help="truth files, or exposures with theirs beside them; or the directory of the published archive",
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="for the patches; finished sets are kept"
    )
    parser.add_argument(
        "--truth",
        choices=("crtruth", "simulated"),
        default="crtruth",
        help="truth by AstroDrizzle (<root>_flc_crtruth.fits) or the simulator's (<root>_flc_truth.fits)",
    )
    parser.add_argument("--side", type=int, metavar="PIXELS", help="of a patch (default: 256)")
    parser.add_argument("--border", type=int, metavar="PIXELS", help="left out at all edges (default: 128)")
    parser.add_argument(
        "--min-exptime", type=float, metavar="SECONDS", help="shorter exposures are left out (default: 100)"
    )


def main(arguments):
    """Write the patches, and say how many of which set.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        See `training.patches.write`.
    """
    from ..patches import PatchOptions, write

    given = {name: getattr(arguments, name) for name in ("side", "border", "min_exptime")}
    samples, cut = _samples(arguments)
    options = PatchOptions(**cut, **{n: v for n, v in given.items() if v is not None and n not in cut})
    table = write(samples, arguments.output, options)
    if len(table):
        print("\n".join(table.pformat(max_lines=-1, max_width=-1)))
    print(
        f"Patches are in {arguments.output}: acs-deepcr train {arguments.output} --output model.safetensors"
    )


def _samples(arguments):
    """The samples, set after set, and the options that follow from where they come from."""
    from pathlib import Path

    from ... import inputs
    from .. import published, simulated

    if len(arguments.files) == 1 and Path(arguments.files[0]).is_dir():
        # These were cut by the authors.
        return published.samples(Path(arguments.files[0])), {"border": 0, "side": 256}
    paths, _ = inputs.expand(arguments.files)
    if arguments.truth == "simulated":
        return simulated.samples(sorted(paths, key=lambda path: (str(path.resolve().parent), path.name))), {}
    return _with_truth_files(paths, arguments.output), {}


def _with_truth_files(paths, directory):
    """Samples of truth files by observation set; those of finished sets are not read."""
    from ...errors import InputError
    from .. import truth_file
    from ..patches import finished

    truths = [
        path if path.name.endswith("_crtruth.fits") else path.with_name(truth_file.name_for(path))
        for path in paths
    ]
    missing = [path for path in truths if not path.is_file()]
    if missing:
        raise InputError(
            f"{missing[0]} is missing: make it first (acs-deepcr truth), and put it beside the exposure."
        )
    kept, chosen = finished(directory), {}
    for path in truths:
        chosen.setdefault(truth_file.read(path).observation_set, []).append(path)
    for name in sorted(kept & chosen.keys()):
        print(f"{name}: finished before, kept")
    return truth_file.samples(path for name in sorted(chosen.keys() - kept) for path in chosen[name])
