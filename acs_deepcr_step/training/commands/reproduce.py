"""``acs-deepcr reproduce``: the whole of the paper, from exposures to Table 3."""

from ...work.printing import say
from .confirmation import confirmed

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "reproduce"
HELP = "do all of the paper in order: sets, truth, training, curves, Table 3"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument(
        "directory", metavar="DIR", help="for everything; what is finished there stays, so call it again"
    )
    parser.add_argument(
        "--filters", nargs="+", default=(), metavar="FILTER", help="only these, e.g. F435W (default: all)"
    )
    parser.add_argument(
        "--sets", nargs="+", default=(), metavar="NAME", help="only these, e.g. F435W_10349_30 (default: all)"
    )
    parser.add_argument(
        "--without", nargs="+", default=(), metavar="NAME", help="leave these sets out (default: none)"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="of each training (default: 50)")
    parser.add_argument(
        "--from-zenodo",
        nargs="?",
        const="record",
        default="",
        metavar="PATH",
        help="begin with the published patches: a copy, or without PATH record 4295902 (default: no)",
    )
    parser.add_argument(
        "--simulated",
        nargs="?",
        const="small",
        default="",
        choices=("small", "large"),
        help="simulated sets instead: small (about a minute, the default) or large",
    )
    parser.add_argument(
        "--cloud", action="store_true", help="exposures from the public cloud copy, where that has them"
    )
    parser.add_argument("--no-lacosmic", action="store_true", help="leave LACosmic out, which is slow")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--yes", action="store_true", help="begin without asking")


def main(arguments):
    """Print the plan, run it if confirmed, and print Table 3.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        See `reproduce.reproduction`.
    """
    from ..reproduce import reproduction

    planned = reproduction.plan(arguments.directory, _options(arguments))
    say(planned.text)
    if planned.to_do and not (arguments.yes or arguments.simulated or confirmed("Begin?")):
        say("Nothing was done; --yes does it.")
        return
    say(planned.run(say))
    say(f"Everything is in {planned.directory}.")


def _options(arguments):
    from ..archive.zenodo import RECORD
    from ..reproduce.reproduction import Options

    return Options(
        filters=tuple(arguments.filters),
        sets=tuple(arguments.sets),
        without=tuple(arguments.without),
        epochs=arguments.epochs,
        from_zenodo=RECORD if arguments.from_zenodo == "record" else arguments.from_zenodo,
        simulated=arguments.simulated,
        cloud=arguments.cloud,
        lacosmic=not arguments.no_lacosmic,
        device=arguments.device,
    )
