"""The command ``acs-deepcr``.

The options of ``acs-deepcr run`` are made from the parameter specification, and
their values are checked where those of parameter files and keywords are.
Everything heavy is imported by the subcommand that needs it.

Exit status: 0 all well; 1 an exposure failed (the others are finished), drizzlepac did
(exposures that were flagged stay so), or what was printed is lost (the work is done); 2
the call cannot be carried out, or no file is sound, and nothing was changed; 130 interrupted, or
128 and the number of the signal that ended it (SIGTERM, SIGHUP).
"""

import contextlib
import functools
import shutil
import signal
import sys
import warnings

from . import __version__
from .config.parameters import APPLY_PARAMETERS, UNDO_PARAMETERS, cfg_text, specification
from .console import completion, simulating
from .console.parser import CommandsFormatter, Parser, add_command, add_option
from .console.showing import add_showing_options, carried_out
from .errors import DrizzlepacError, InputError, ParameterError, RunError, StepError, StepWarning, printable
from .product import command as drizzle_command
from .streams import Ended, ended_like_an_interrupt, survives_its_streams
from .training import commands as training_commands
from .work.printing import say

__all__ = ["DEMO_DIR", "PROG", "build_parser", "main"]

PROG = "acs-deepcr"
DEMO_DIR = "acs_deepcr_demo"


@survives_its_streams
def main(argv=None):
    """Carry out one command.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status. A call that cannot be parsed, ``--help`` and
        ``--version`` raise SystemExit, as argparse does.
    """
    arguments = build_parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.simplefilter("always", StepWarning)
        warnings.showwarning = _show_warning
        try:
            with ended_like_an_interrupt():
                arguments.command(arguments)
        except RunError as error:
            return _complain(error, 1)
        except StepError as error:
            return _complain(error, 1 if isinstance(error, DrizzlepacError) else 2)
        except OSError as error:
            return _complain(_directory_fault() or error, 2)
        except KeyboardInterrupt as interrupt:
            number = interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT
            return _complain(
                "interrupted: finished exposures stay finished, the others are as they were", 128 + number
            )
    return 0


def _directory_fault():
    """Return what is wrong with the current directory, or None: a missing file may only seem so."""
    from .files.inputs import require_directory

    try:
        require_directory()
    except InputError as error:
        return error
    return None


def _complain(error, status):
    print(f"{PROG}: {printable(str(error).replace(chr(10), ' '))}", file=sys.stderr)
    return status


def _show_warning(message, category, filename, lineno, file=None, line=None):
    if issubclass(category, StepWarning):
        text = f"{PROG}: warning: {message}\n"
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


def build_parser():
    """Return the argparse parser of the command, all subcommands included."""
    parser = Parser(
        prog=PROG,
        description="Flag the cosmic rays of ACS and WFC3/UVIS exposures, for AstroDrizzle.",
        formatter_class=CommandsFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    commands = parser.add_subparsers(
        required=True,
        metavar="COMMAND",
        title="commands",
        description="'acs-deepcr COMMAND --help' says more",
    )
    for name, function, add_arguments, text in (
        ("run", _run, _run_arguments, "flag the cosmic rays of exposures"),
        ("undo", _undo, _undo_arguments, "take the flags back: DQ as before, bit for bit"),
        ("apply", _apply, _apply_arguments, "set the flags of mask files that were made elsewhere"),
        (drizzle_command.NAME, _drizzle, _drizzle_arguments, drizzle_command.HELP),
        ("report", _report, _report_arguments, "write a page to look at: what was flagged, and what to mind"),
        ("pars", _pars, _pars_arguments, "print a parameter file with all defaults"),
        ("models", _models, None, "list the published models"),
        (simulating.NAME, simulating.main, simulating.add_arguments, simulating.HELP),
        ("demo", _demo, _demo_arguments, "simulate, flag and drizzle three exposures, and draw the result"),
        (completion.NAME, _completion, completion.add_arguments, completion.HELP),
        *((its.NAME, its.main, its.add_arguments, its.HELP) for its in training_commands.load()),
    ):
        command = add_command(commands, name, text)
        command.set_defaults(command=function)
        if add_arguments:
            add_arguments(command)
    return parser


def _run_arguments(command):
    options = specification()
    files = next(option for option in options if option.name == "input")
    command.add_argument(
        "files", nargs="*", metavar="FILES", help=f"{files.help}; may stand in --cfg instead"
    )
    command.add_argument(
        "--cfg", metavar="FILE", help="Parameter file ('acs-deepcr pars' prints one; default: none)"
    )
    command.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="Use the workers of this Dask scheduler, e.g. tcp://host:8786 (default: none)",
    )
    add_showing_options(command)
    groups = {}
    for option in options:
        if option is not files:
            if option.section not in groups:
                title = f"section {option.section}" if option.section else "top of the parameter file"
                groups[option.section] = command.add_argument_group(title)
            add_option(groups[option.section], option)


def _undo_arguments(command):
    command.add_argument("files", nargs="+", metavar="FILES", help="Exposures that carry flags of the step")
    add_showing_options(command)
    _add_options(command, UNDO_PARAMETERS)


def _apply_arguments(command):
    command.add_argument("files", nargs="+", metavar="FILES", help="Exposures")
    command.add_argument(
        "--masks",
        nargs="+",
        metavar="MASKS",
        help="Mask files, in any order (default: <root>_<suffix>_deepcr.fits beside each exposure)",
    )
    add_showing_options(command)
    _add_options(command, APPLY_PARAMETERS)


def _add_options(command, names):
    for option in specification():
        if option.name in names:
            add_option(command, option)


def _given(arguments):
    """Return the parameters of the step among the arguments."""
    names = {option.name for option in specification()}
    return {name: value for name, value in vars(arguments).items() if name in names}


def _run(arguments):
    if not arguments.files and not arguments.cfg:
        raise ParameterError(
            "run needs FILES, e.g. '*_flc.fits', or --cfg with a parameter file that names them."
        )
    from .step import run

    with _executor(arguments.dask) as executor:

        def call(**given):
            return run(arguments.files or None, configobj=arguments.cfg, executor=executor, **given)

        carried_out(arguments, call, _given(arguments))


@contextlib.contextmanager
def _executor(address):
    """Return the executor of a running Dask cluster, or None."""
    if address is None:
        yield None
        return
    try:
        from dask.distributed import Client
    except ImportError:
        raise ParameterError(
            "--dask needs Dask: install it with pip install 'acs_deepcr_step[dask]'."
        ) from None
    try:
        client = Client(address, timeout="20s")
    except (OSError, ValueError) as error:
        raise ParameterError(f"--dask {address}: no Dask scheduler answers there ({error}).") from error
    with client:
        yield client.get_executor()


def _undo(arguments):
    from .step import undo

    carried_out(arguments, functools.partial(undo, arguments.files), _given(arguments))


def _apply(arguments):
    from .step import apply

    call = functools.partial(apply, arguments.files, arguments.masks)
    carried_out(arguments, call, _given(arguments))


def _drizzle_arguments(command):
    add_showing_options(command)
    drizzle_command.add_arguments(command, add_option)


def _drizzle(arguments):
    from .product.call import drizzle

    made = []

    def call(**given):
        made.append(
            drizzle(arguments.files, arguments.output, **{**drizzle_command.asked(arguments), **given})
        )
        return made[0].table

    carried_out(arguments, call, _given(arguments))
    if not arguments.quiet:
        say(*drizzle_command.said(made[0]))


def _report_arguments(command):
    command.add_argument(
        "files", nargs="+", metavar="FILES", help="Exposures that were flagged, or their mask files, or both"
    )
    command.add_argument(
        "--output",
        metavar="FILE.html",
        help="Where the page goes (default: acs_deepcr_report.html in the current directory)",
    )


def _report(arguments):
    from . import report

    say(report.write(arguments.files, arguments.output or report.NAME))


def _pars_arguments(command):
    command.add_argument(
        "--astrodrizzle",
        action="store_true",
        help="print AstroDrizzle's, for the exposures that run has flagged",
    )
    command.add_argument(
        "--hap",
        metavar="VISIT",
        help="print that of 'runsinglehap VISIT -c', for exposures that run has flagged (default: none)",
    )


def _pars(arguments):
    if arguments.astrodrizzle:
        from .handoff import ASTRODRIZZLE_CFG

        print(ASTRODRIZZLE_CFG.read_text(encoding="utf-8"), end="")
    elif arguments.hap:
        from .product import hap_parameters

        say(hap_parameters.text(arguments.hap).rstrip("\n"))
    else:
        print(cfg_text(), end="")


def _models(_arguments):
    from .console.model_lines import model_lines

    say(*model_lines(shutil.get_terminal_size().columns))


def _demo_arguments(command):
    command.add_argument(
        "outdir",
        nargs="?",
        default=DEMO_DIR,
        metavar="DIR",
        help=f"directory for everything (default: {DEMO_DIR})",
    )


def _demo(arguments):
    from .demo import main as demo

    demo(arguments.outdir)


def _completion(arguments):
    print(completion.script(arguments.shell, build_parser()), end="")
