"""Tables of what is written down elsewhere: parameters, models, cameras, commands, reasons, public names.

They stand as text in the pages, so that a Git host shows them, too. `python tools/write_tables.py` puts them
there; tests/house/test_pages.py compares.
"""

import argparse
import importlib
import inspect
import re

from acs_deepcr_step import cli, instruments, models
from acs_deepcr_step.arrays.reasons import REASONS
from acs_deepcr_step.config.specification import specification

# The public names of the package: the module of each, and what it is for.
API = (
    ("acs_deepcr_step", ("run", "undo", "apply", "drizzle", "clean", "getHelpAsString")),
    ("acs_deepcr_step.handoff", ("drizzle_kwargs", "tweakreg_kwargs", "cfg_path", "stale_crmasks")),
    ("acs_deepcr_step.product.finished", ()),
    ("acs_deepcr_step.detect", ()),
    ("acs_deepcr_step.inpaint", ()),
    ("acs_deepcr_step.models", ()),
    ("acs_deepcr_step.report", ()),
    ("acs_deepcr_step.simulate", ()),
    ("acs_deepcr_step.simulate.residual", ()),
    ("acs_deepcr_step.errors", ()),
)


def parameters():
    """Return a table for each section of the parameter file."""
    sections = {}
    for option in specification():
        sections.setdefault(option.section, []).append(option)
    lines = []
    for section, options in sections.items():
        lines += [f"## {f'[{section}]' if section else 'Top of the file'}", ""]
        lines += [*_table(("parameter", "default", "allowed", "meaning"), map(_row, options)), ""]
    return "\n".join(lines).rstrip()


def published_models():
    """Return a table of the published models."""
    rows = []
    for name in models.names():
        info = models.info(name)
        also = ", ".join(f"`{alias}`" for alias in info.aliases) or "-"
        rows.append(
            (f"`{info.name}`", info.trained_on, info.filter or "all", f"{info.levels}-{info.hidden}",
             info.input_scale,
             f"{info.threshold:g}", also, f"`{info.hashes[0]}`")
        )  # fmt: skip
    heading = (
        "name", "trained on", "filter", "network", "scale", "threshold", "also called", "`DCRHASH`",
    )  # fmt: skip
    return "\n".join(_table(heading, rows))


def reasons():
    """Return a table of the bits of the FLAGS array."""
    rows = [(str(one.value), f"`{one.name}`", f"This pixel was {one.description}.") for one in REASONS]
    return "\n".join(_table(("value", "name", "meaning"), rows))


def cameras():
    """Return a table of the detectors, and which are never taken."""
    rows = []
    for one in instruments.KNOWN:
        if not one.refusal:
            rate = "{:g} to {:g}".format(*one.cr_rate)
            numbers = f"{one.pixel_arcsec:g}", f"{one.full_well:,.0f}", rate
            rows.append((str(one), _taken(one), f"`{one.default_model}`", *numbers))
    heading = (
        "camera", "taken", "default model", "arcsec a pixel", "saturated above, e-", "usual hits/s/cm²",
    )  # fmt: skip
    never = ", ".join(str(one) for one in instruments.KNOWN if one.refusal)
    return "\n".join([*_table(heading, rows), "", f"Never taken, since they are no CCDs: {never}."])


def commands():
    """Return a table of the subcommands, a line each."""
    rows = [(f"`acs-deepcr {name}`", _plain(command.description)) for name, command in subcommands().items()]
    return "\n".join(_table(("command", "what it does"), rows))


def public_names():
    """Return a table of the public names, with the first line of their docstrings."""
    rows = []
    for name, names in API:
        module = importlib.import_module(name)
        for one in names or module.__all__:
            thing = getattr(module, one)
            if inspect.isclass(thing) if module.__name__.endswith("errors") else callable(thing):
                shown = one if name == "acs_deepcr_step" else f"{name.partition('.')[2]}.{one}"
                rows.append((f"`{shown}`", _first_line(thing)))
    return "\n".join(_table(("name", "what it does"), rows))


def training_modules(modules):
    """Return a table of modules, with the first line of their docstrings.

    Parameters
    ----------
    modules : iterable of str
        Below acs_deepcr_step.training.
    """
    found = ((name, importlib.import_module(f"acs_deepcr_step.training.{name}")) for name in modules)
    rows = [(f"`{name}`", _first_line(module)) for name, module in found]
    return "\n".join(_table(("module", "what is in it"), rows))


def subcommands():
    """Parsers of the subcommands by name, in the order of ``acs-deepcr --help``."""
    parser = cli.build_parser()
    [group] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return group.choices


def _taken(instrument):
    if instrument.is_taken:
        return "as it comes"
    return "`any_detector`; most stars are flagged" if instrument.is_coarse else "`any_detector`"


def _first_line(thing):
    first = inspect.getdoc(thing).partition("\n\n")[0].replace("\n", " ").replace("``", "`")
    return first.replace("|", r"\|")


def _row(option):
    shown = "(empty)" if option.default == "" else f"`{option.default_text}`"
    return f"`{option.name}`", shown, _plain(option.allowed), _plain(option.help)


def _plain(text):
    """Text in which nothing is Markdown."""
    return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def _table(heading, rows):
    lines = [heading, ["---"] * len(heading), *rows]
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]
