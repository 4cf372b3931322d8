"""``acs-deepcr truth``: which pixels cosmic rays hit, by TweakReg and AstroDrizzle."""

from ...work.printing import say
from . import truth_arguments

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "truth"
HELP = "make the truth of exposures of one field, by TweakReg and AstroDrizzle"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument("files", nargs="+", metavar="FILES", help="two or more exposures through one filter")
    parser.add_argument("--output", default=".", metavar="DIR", help="for the truth files (default: here)")
    parser.add_argument("--name", metavar="NAME", help="of the set (default: filter, proposal and visit)")
    truth_arguments.add(parser)


def main(arguments):
    """Make the truth and print its shares and completeness.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        See `truth.pipeline.make`.
    """
    from dataclasses import replace

    from ..truth import file as truth_file
    from ..truth import pipeline

    options = truth_arguments.options(arguments)
    if arguments.name:
        options = replace(options, observation_set=arguments.name)
    expected = truth_arguments.expected(arguments, arguments.files, options)
    paths = pipeline.make(arguments.files, arguments.output, options, expected)
    say(f"{'truth file':36} {'chip':>4} {'cosmic rays':>12} {'ignored':>9}")
    for path in paths:
        for chip in truth_file.read(path).chips:
            hit = ((chip.flags & truth_file.CR) != 0).mean()
            ignored = ((chip.flags & truth_file.IGNORED) != 0).mean()
            say(f"{path.name:36} {chip.extver:4d} {hit:12.3%} {ignored:9.3%}")
    say(truth_file.read(paths[0]).statement)
