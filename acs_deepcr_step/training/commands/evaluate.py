"""``acs-deepcr evaluate``: evaluation of models on a user's visit."""

from ...work.printing import say
from . import truth_arguments

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "evaluate"
HELP = "score the models on exposures of one field, against truth made of them"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument("files", nargs="+", metavar="FILES", help="two or more exposures through one filter")
    parser.add_argument(
        "--models", nargs="+", metavar="MODEL", help="names or weights files (default: all for the filter)"
    )
    parser.add_argument(
        "--no-lacosmic", action="store_true", help="leave LACosmic out, which takes most of the time"
    )
    parser.add_argument(
        "--output",
        default="acs_deepcr_evaluation",
        metavar="DIR",
        help="for truth, tables and pictures (default: acs_deepcr_evaluation)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the results of an earlier call in DIR"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    truth_arguments.add(parser)


def main(arguments):
    """Evaluate and print the tables.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        See `evaluation.visit.evaluate`.
    """
    from tqdm import tqdm

    from ..evaluation import visit
    from ..truth import copies

    options = truth_arguments.options(arguments)
    exposures = copies.inspect_set(arguments.files)
    filter = exposures[0].filter
    scorers = visit.choose_scorers(
        filter, arguments.models, not arguments.no_lacosmic, device=arguments.device
    )
    expected = truth_arguments.expected(arguments, arguments.files, options)
    total = len(scorers) * sum(len(exposure.chips) for exposure in exposures)
    with tqdm(total=total, unit="mask", disable=None) as bar:

        def progress(sample, scorer):
            bar.set_description(f"{sample.origin.exposure} {scorer.name}")
            bar.update()

        result = visit.evaluate(
            arguments.files,
            arguments.output,
            options,
            scorers=scorers,
            expected=expected,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    say(result.text)
    say(f"Tables, figures, counts and truth are in {result.outdir}.")
