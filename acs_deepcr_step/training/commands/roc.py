"""``acs-deepcr roc``: how good models, LACosmic and other masks are, against truth."""

import sys

NAME = "roc"
HELP = "measure models, LACosmic or any masks against truth: the paper's Table 3 and its figures"

_DEFAULT_OUTPUT = "acs_deepcr_roc"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument(
        "files", nargs="+", metavar="FILES", help="exposures, each with its truth file beside it"
    )
    parser.add_argument(
        "--truth",
        choices=("crtruth", "simulated"),
        default="crtruth",
        help="truth by AstroDrizzle (<root>_flc_crtruth.fits) or the simulator's (<root>_flc_truth.fits)",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="names or weights files (default: the global model and that of each filter)",
    )
    parser.add_argument(
        "--lacosmic", action="store_true", help="LACosmic too, with the paper's settings, at several sigclip"
    )
    parser.add_argument(
        "--dq-bit", type=int, metavar="BIT", help="flags of this DQ bit in FILES too, e.g. 4096"
    )
    parser.add_argument(
        "--masks",
        nargs="+",
        metavar="FILE",
        help="mask files too (not 0: a cosmic ray), each named after its exposure",
    )
    parser.add_argument(
        "--dilate",
        default="square",
        choices=("square", "disk"),
        help="of '+': the paper's 3x3 square (default) or deepCR's disk(1), a plus of five pixels",
    )
    parser.add_argument(
        "--field",
        choices=("globular", "extragalactic", "galaxy"),
        help="field type of all FILES, where their truth files do not tell",
    )
    parser.add_argument(
        "--picture",
        nargs="*",
        metavar="ROOT",
        help="exposures to draw with their masks, as in Figures 1 and 2 (default: the first one)",
    )
    parser.add_argument(
        "--box",
        nargs=3,
        type=int,
        metavar=("ROW", "COLUMN", "SIDE"),
        help="pixels in the pictures (default: the 512 x 512 in the middle)",
    )
    parser.add_argument(
        "--output",
        default=_DEFAULT_OUTPUT,
        metavar="DIR",
        help=f"for all results (default: {_DEFAULT_OUTPUT})",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the results of an earlier call in DIR"
    )


def main(arguments):
    """Count, and write tables and figures.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    InputError, ExposureError, ModelError
        If something is missing, or does not fit; nothing is overwritten without being asked.
    """
    from .. import outputs
    from ..roc import DISK
    from ..tally import tallied

    scorers = _scorers(arguments)
    samples, truth, title = _samples(arguments)
    _check_pictures(arguments)
    outdir = outputs.prepared(arguments.output, arguments.overwrite)
    samples = _drawn(_shown(samples), arguments, scorers, outdir, title)
    tallies = tallied(samples, scorers, DISK if arguments.dilate == "disk" else 1)
    print(outputs.write(tallies, outdir, truth, title))
    print(f"Tables, figures and counts are in {outdir}.")


def _scorers(arguments):
    from .. import scoring

    if arguments.models:
        made = [scoring.model(name) for name in arguments.models]
    else:
        made = scoring.published()
    if arguments.lacosmic:
        made += scoring.lacosmic()
    if arguments.dq_bit is not None:
        made.append(scoring.dq_flags(arguments.files, arguments.dq_bit, f"DQ {arguments.dq_bit}"))
    if arguments.masks:
        made.append(scoring.mask_files(arguments.masks, "masks"))
    return made


def _samples(arguments):
    """The samples, what their truth is in a sentence, and in a few words."""
    from dataclasses import replace

    if arguments.truth == "simulated":
        from .. import simulated

        samples = simulated.samples(arguments.files)
        truth, title = simulated.STATEMENT, "simulated exposures, simulator's truth"
    else:
        samples, truth, title = _with_truth_files(arguments.files)
    if arguments.field:
        samples = (replace(s, origin=replace(s.origin, field=arguments.field)) for s in samples)
    return samples, truth, title


def _with_truth_files(files):
    """As `_samples`, of truth files and what they say of themselves."""
    from ... import inputs
    from ...errors import InputError
    from .. import truth_file

    found, _ = inputs.expand(files)
    paths = [
        path if path.name.endswith("_crtruth.fits") else path.with_name(truth_file.name_for(path))
        for path in found
    ]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{missing[0]} is missing: make it first (acs-deepcr truth), and put it beside the exposure."
        )
    return truth_file.samples(paths), *truth_file.describe(paths)


def _check_pictures(arguments):
    from ... import inputs
    from ...errors import InputError

    names = [path.name.lower() for path in inputs.expand(arguments.files)[0]]
    for root in arguments.picture or ():
        if not any(name.startswith(root.lower()) for name in names):
            raise InputError(
                f"--picture {root}: none of the FILES is of that exposure; give a root name of one."
            )


def _shown(samples):
    """The samples with a bar for a person at a terminal."""
    from tqdm import tqdm

    return tqdm(samples, desc="chips", unit="chip", disable=not sys.stderr.isatty())


def _drawn(samples, arguments, scorers, outdir, title):
    """Pass the samples on, and draw Figures 1 and 2 of the wanted exposures on the way."""
    from .. import pictures

    wanted = None if arguments.picture is None else {root.lower() for root in arguments.picture}
    for number, sample in enumerate(samples):
        if number == 0 if wanted is None else sample.origin.exposure.lower() in wanted:
            pictures.draw(outdir, sample, scorers, title, arguments.box)
        yield sample
