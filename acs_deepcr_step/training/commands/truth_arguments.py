"""Options of truth, for the commands that make it."""

__all__ = ["add", "expected", "options"]


def add(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    group = parser.add_argument_group(
        "how the truth is made",
        "Without --set, --conv-width and --threshold the step flags copies of the exposures first, and "
        "TweakReg aligns them on what is left.",
    )
    group.add_argument(
        "--set", metavar="NAME", help="a set of the paper, e.g. F435W_10349_30: its Table A1 (default: none)"
    )
    group.add_argument("--conv-width", type=float, metavar="PIXELS", help="of TweakReg (default: 3.5)")
    group.add_argument(
        "--threshold", type=float, metavar="SIGMA", help="of TweakReg (default: 25, with the step's flags)"
    )
    group.add_argument("--no-align", action="store_true", help="trust the WCS of the headers; no TweakReg")
    group.add_argument(
        "--flags-first", action="store_true", help="flag the copies before TweakReg, whatever the threshold"
    )
    group.add_argument("--driz-cr-snr", metavar="'A B'", help="of AstroDrizzle (default: '3.5 3.0')")
    group.add_argument("--driz-cr-scale", metavar="'A B'", help="of AstroDrizzle (default: '1.2 0.7')")
    group.add_argument("--combine-type", metavar="TYPE", help="of AstroDrizzle (default: minmed)")
    group.add_argument(
        "--ring", type=int, metavar="N", help="pixels around true cosmic rays to ignore (default: 1)"
    )
    group.add_argument("--field", metavar="FIELD", help="globular, extragalactic or galaxy (default: none)")
    group.add_argument("--cores", type=int, metavar="N", help="processes of AstroDrizzle (default: 1)")
    group.add_argument(
        "--measure-completeness",
        action="store_true",
        help="simulate the case (1024 x 1024 pixels) instead of looking its completeness up",
    )


def options(arguments):
    """Return the options of truth.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    TruthOptions

    Raises
    ------
    ParameterError
        If they do not go together, or one is invalid.
    """
    from ...errors import ParameterError
    from ..archive.sets import by_name
    from ..truth.options import AstroDrizzleOptions, TruthOptions, TweakRegOptions

    alignment = _specified(arguments, "conv_width", "threshold")
    if arguments.no_align and (alignment or arguments.flags_first):
        raise ParameterError("--no-align runs no TweakReg: leave its options out.")
    settings = {
        "drizzle": AstroDrizzleOptions(
            **_specified(arguments, "driz_cr_snr", "driz_cr_scale", "combine_type")
        ),
        **_specified(arguments, "ring", "field", "cores"),
    }
    if arguments.set:
        if alignment:
            raise ParameterError("--set gives conv_width and threshold already: leave them out.")
        [observation_set] = by_name([arguments.set])
        settings |= {"tweakreg": None} if arguments.no_align else {}
        return TruthOptions.of_set(observation_set, flags_first=arguments.flags_first, **settings)
    tweakreg = None if arguments.no_align else TweakRegOptions(**alignment)
    flags_first = arguments.flags_first or arguments.threshold is None
    return TruthOptions(tweakreg=tweakreg, flags_first=flags_first, **settings)


def _specified(arguments, *names):
    """Return those of the options that are not None."""
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}


def expected(arguments, files, options):
    """Return the completeness to state: measured now with ``--measure-completeness``, else None.

    Parameters
    ----------
    arguments : argparse.Namespace
    files : list of str
    options : TruthOptions

    Returns
    -------
    Completeness or None
    """
    if not arguments.measure_completeness:
        return None
    from ..truth import completeness, completeness_simulation, copies

    exposures = copies.inspect_set(files)
    first = exposures[0]
    return completeness_simulation.measure(
        min(len(exposures), completeness.MAX_EXPOSURES),
        first.chips[0].exptime,
        options,
        filter=first.filter,
        field=options.field or completeness.UNKNOWN_FIELD,
    )
