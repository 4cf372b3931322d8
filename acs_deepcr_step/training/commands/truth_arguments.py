"""The options of how truth is made, for the commands that make it."""

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
    group.add_argument("--set", metavar="NAME", help="a set of the paper, e.g. F435W_10349_30: its Table A1")
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
    group.add_argument("--field", metavar="FIELD", help="globular, extragalactic or galaxy")
    group.add_argument("--cores", type=int, metavar="N", help="processes of AstroDrizzle (default: 1)")
    group.add_argument(
        "--measure-completeness",
        action="store_true",
        help="simulate the case (1024 x 1024 pixels) instead of looking its completeness up",
    )


def options(arguments):
    """Return the options as they were given.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    truth_options.TruthOptions

    Raises
    ------
    ParameterError
        If they do not go together, or one is outside what is allowed.
    """
    from ...errors import ParameterError
    from ..sets import by_name
    from ..truth_options import AstroDrizzleOptions, TruthOptions, TweakRegOptions

    found = {"conv_width": arguments.conv_width, "threshold": arguments.threshold}
    found = {name: value for name, value in found.items() if value is not None}
    if arguments.no_align and (found or arguments.flags_first):
        raise ParameterError("--no-align runs no TweakReg: leave its options out.")
    settings = {
        "drizzle": AstroDrizzleOptions(**_given(arguments, "driz_cr_snr", "driz_cr_scale", "combine_type")),
        **_given(arguments, "ring", "field", "cores"),
    }
    if arguments.set:
        if found:
            raise ParameterError("--set gives conv_width and threshold already: leave them out.")
        [its] = by_name([arguments.set])
        settings |= {"tweakreg": None} if arguments.no_align else {}
        return TruthOptions.of_set(its, flags_first=arguments.flags_first, **settings)
    tweakreg = None if arguments.no_align else TweakRegOptions(**found)
    first = arguments.flags_first or arguments.threshold is None
    return TruthOptions(tweakreg=tweakreg, flags_first=first, **settings)


def _given(arguments, *names):
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}


def expected(arguments, files, options):
    """Return the completeness to state: measured now if that was asked for, else None.

    Parameters
    ----------
    arguments : argparse.Namespace
    files : list of str
    options : truth_options.TruthOptions

    Returns
    -------
    completeness.Completeness or None
    """
    if not arguments.measure_completeness:
        return None
    from .. import completeness, completeness_measured, copies

    exposures = copies.checked(files)
    first = exposures[0]
    return completeness_measured.measure(
        min(len(exposures), completeness.MOST),
        first.chips[0].exptime,
        options,
        filter=first.filter,
        field=options.field or completeness.UNKNOWN_FIELD,
    )
