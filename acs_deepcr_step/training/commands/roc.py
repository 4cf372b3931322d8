"""``acs-deepcr roc``: models, LACosmic and other masks, measured against truth."""

import sys

from ...work.printing import say
from .truth_files import truth_files

__all__ = ["HELP", "NAME", "add_arguments", "main"]

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
        help="truth by AstroDrizzle (<root>_flc_crtruth.fits) or the simulator's (<root>_flc_truth.fits); "
        "default: crtruth",
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
        "--dq-bit", type=int, metavar="BIT", help="flags of this DQ bit too, e.g. 4096 (default: none)"
    )
    parser.add_argument(
        "--masks",
        nargs="+",
        metavar="FILE",
        help="mask files too (not 0: a cosmic ray), each named after its exposure (default: none)",
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
        help="field type of all FILES, where their truth files do not tell (default: none)",
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
        "--output", default=_DEFAULT_OUTPUT, metavar="DIR", help="for all results (default: %(default)s)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the results of an earlier call in DIR"
    )


def main(arguments):
    """Score the exposures, and write tables and figures.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        If something is missing or does not fit, or results would be overwritten.
    """
    from ..evaluation import outputs
    from ..evaluation.scores import DISK
    from ..evaluation.tally import tallied

    scorers = _scorers(arguments)
    samples, truth = _samples(arguments)
    _check_pictures(arguments)
    outdir = outputs.prepare_directory(arguments.output, arguments.overwrite)
    samples = _drawn(_with_progress(samples), arguments, scorers, outdir, truth.title)
    tallies = tallied(samples, scorers, DISK if arguments.dilate == "disk" else 1)
    say(outputs.write(tallies, outdir, truth.statement, truth.title))
    say(f"Tables, figures and counts are in {outdir}.")


def _scorers(arguments):
    from ..evaluation import scoring

    if arguments.models:
        scorers = [scoring.model(name) for name in arguments.models]
    else:
        scorers = scoring.published()
    if arguments.lacosmic:
        scorers += scoring.lacosmic()
    if arguments.dq_bit is not None:
        scorers.append(scoring.dq_flags(arguments.files, arguments.dq_bit, f"DQ {arguments.dq_bit}"))
    if arguments.masks:
        scorers.append(scoring.mask_files(arguments.masks, "masks"))
    return scorers


def _samples(arguments):
    """Return the samples, and the `TruthDescription`."""
    from dataclasses import replace

    if arguments.truth == "simulated":
        from ..simulated import simulator

        samples, truth = simulator.samples(arguments.files), simulator.DESCRIPTION
    else:
        samples, truth = _with_truth_files(arguments.files)
    if arguments.field:
        samples = (replace(s, origin=replace(s.origin, field=arguments.field)) for s in samples)
    return samples, truth


def _with_truth_files(files):
    """Return the same as `_samples`, from truth files."""
    from ...files import inputs
    from ..truth import file as truth_file

    paths = truth_files(inputs.expand(files).paths)
    return truth_file.samples(paths), truth_file.describe(paths)


def _check_pictures(arguments):
    from ...errors import InputError
    from ...files import inputs

    names = [path.name.lower() for path in inputs.expand(arguments.files).paths]
    for root in arguments.picture or ():
        if not any(name.startswith(root.lower()) for name in names):
            raise InputError(
                f"--picture {root}: none of the FILES is of that exposure; give a root name of one."
            )


def _with_progress(samples):
    """Yield the samples, with a progress bar at a terminal."""
    from tqdm import tqdm

    return tqdm(samples, desc="chips", unit="chip", disable=not sys.stderr.isatty())


def _drawn(samples, arguments, scorers, outdir, title):
    """Yield the samples, drawing Figures 1 and 2 of the chosen exposures."""
    from ..evaluation import exposure_figures
    from ..evaluation.figures import Box

    box = Box(*arguments.box) if arguments.box else None
    chosen = None if arguments.picture is None else {root.lower() for root in arguments.picture}
    for number, sample in enumerate(samples):
        if number == 0 if chosen is None else sample.origin.exposure.lower() in chosen:
            exposure_figures.draw(outdir, sample, scorers, title, box)
        yield sample
