"""``acs-deepcr fetch``: exposures of a proposal, or of the paper's observation sets, or its patches."""

from ...work.printing import say
from .confirmation import confirmed

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "fetch"
HELP = "fetch exposures from MAST: a proposal's visits or the paper's sets; or the paper's patches"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument("directory", metavar="DIR", help="where the files go; what is there already stays")
    parser.add_argument(
        "--filters", nargs="+", metavar="FILTER", help="only exposures in these, e.g. F435W (default: all)"
    )
    parser.add_argument(
        "--cloud",
        action="store_true",
        help="from the public cloud copy, where that has the file (default: no)",
    )
    own = parser.add_argument_group("visits of a proposal")
    own.add_argument(
        "--proposal", type=int, metavar="NUMBER", help="of the HST programme, e.g. 10349 (default: none)"
    )
    own.add_argument("--visits", nargs="+", metavar="VISIT", help="only these, e.g. 03 A1 (default: all)")
    own.add_argument("--detector", metavar="NAME", help="ACS/WFC, ACS/HRC or WFC3/UVIS (default: ACS/WFC)")
    paper = parser.add_argument_group("sets of the paper, without --proposal")
    paper.add_argument(
        "--fields",
        nargs="+",
        metavar="FIELD",
        help="only these: globular, extragalactic, galaxy (default: all)",
    )
    paper.add_argument(
        "--use", default="all", choices=("train", "test", "all"), help="which sets (default: all)"
    )
    paper.add_argument(
        "--sets", nargs="+", metavar="NAME", help="only these, e.g. F435W_10349_30 (default: all)"
    )
    paper.add_argument(
        "--zenodo",
        nargs="?",
        const="",
        metavar="SOURCE",
        help="the published patches instead: record 4295902, another address, or a copy (file or directory; "
        "default: no)",
    )
    parser.add_argument("--yes", action="store_true", help="fetch without asking")


def main(arguments):
    """Show what would be fetched, and fetch it if confirmed.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    ParameterError
        If options do not go together, or a set is not the paper's.
    ArchiveError, InputError, ExposureError
        See `archive.exposures` and `archive.zenodo`.
    """
    _refuse_mixture(arguments)
    if arguments.proposal is not None:
        from ..archive.exposures import fetch, plan_proposal

        planned = plan_proposal(_wanted(arguments), arguments.directory, arguments.cloud)
    elif arguments.zenodo is None:
        from ..archive.exposures import fetch, plan

        planned = plan(_sets(arguments), arguments.directory, arguments.cloud)
    else:
        from ..archive.zenodo import RECORD, fetch, plan

        _refuse_selection(arguments)
        planned = plan(arguments.directory, arguments.zenodo or RECORD)
    say(planned)
    if not planned.missing:
        say("Everything is there and verified." if arguments.zenodo is None else "Everything is there.")
    elif not arguments.yes and not confirmed("Fetch it?"):
        say("Nothing was fetched; --yes fetches it.")
    else:
        fetch(planned)
        say(f"Done: {planned.directory}")
        if arguments.proposal is not None:
            _print_next(planned)


def _print_next(planned):
    """Print how the exposures of each directory are flagged: a visit in one filter is a field, as a rule."""
    for name in dict.fromkeys(entry.set for entry in planned.entries):
        say(f"next: acs-deepcr run '{planned.directory / name}/*_fl[ct].fits'")


def _wanted(arguments):
    from ..archive.visits import Wanted

    return Wanted(
        arguments.proposal,
        tuple(arguments.visits or ()),
        tuple(arguments.filters or ()),
        arguments.detector or "ACS/WFC",
    )


def _refuse_mixture(arguments):
    """Refuse options that belong to different things to fetch."""
    from ...errors import ParameterError

    of_paper = arguments.fields or arguments.sets or arguments.use != "all" or arguments.zenodo is not None
    if arguments.proposal is not None and of_paper:
        raise ParameterError(
            "--proposal fetches visits of any programme: leave out --fields, --use, --sets and --zenodo."
        )
    if arguments.proposal is None and (arguments.visits or arguments.detector):
        raise ParameterError(
            "--visits and --detector choose among the exposures of a --proposal: give its number."
        )


def _sets(arguments):
    """Return the sets that the options select."""
    from ...errors import ParameterError
    from ..archive.sets import by_name, observation_sets

    selecting = arguments.filters or arguments.fields or arguments.use != "all"
    if arguments.sets:
        if selecting:
            raise ParameterError("--sets names the sets already: leave out --filters, --fields and --use.")
        return by_name(arguments.sets)
    use = None if arguments.use == "all" else arguments.use
    chosen = [
        one
        for filter in arguments.filters or [None]
        for field in arguments.fields or [None]
        for one in observation_sets(filter, field, use)
    ]
    if not chosen:
        raise ParameterError("No set of the paper has that filter, field and use together: ask for less.")
    return list(dict.fromkeys(chosen))


def _refuse_selection(arguments):
    from ...errors import ParameterError

    if arguments.filters or arguments.fields or arguments.sets or arguments.use != "all" or arguments.cloud:
        raise ParameterError(
            "--zenodo fetches the whole archive: leave out --filters, --fields, --use, --sets and --cloud."
        )
