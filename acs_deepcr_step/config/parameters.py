"""The parameters of the step: one validation, one object.

`resolve` makes a complete set of the packaged defaults, the user's parameter
file or TEAL's object, and keywords, all checked against one specification.
Values are taken literally: no interpolation, no evaluation, no environment
variables. Neither TEAL nor anything graphical is imported.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ParameterError
from . import cfg_file
from .decision import Decision
from .specification import TASK, TASK_KEY, check, nearest, shown, specification

__all__ = [
    "APPLY_PARAMETERS", "UNDO_PARAMETERS", "Parameters", "cfg_text", "resolve", "resolve_some",
    "runfile_of", "specification",
]  # fmt: skip

# The parameters that matter where nothing is decided anew.
UNDO_PARAMETERS = ("runfile", "workers", "progress")
APPLY_PARAMETERS = (*UNDO_PARAMETERS, "output_dir")


@dataclass(frozen=True)
class Parameters:
    """A complete, valid set of parameters.

    The fields carry the names of the parameter file; `specification` says what
    each of them means. ``input`` is a tuple where several inputs were given. Those
    of `Decision` are in ``decision``.
    """

    input: str | tuple[str, ...]
    runfile: str
    model: str
    decision: Decision
    any_detector: bool
    consensus: str
    output_dir: str
    mask_file: bool
    update_dq: bool
    clean_file: bool
    inpaint: str
    report: bool
    rerun: str
    device: str
    precision: str
    workers: int
    progress: bool

    @classmethod
    def of(cls, values):
        """Return the parameters of a dict of their values by name."""
        decision = Decision(**{name: values[name] for name in Decision.names()})
        others = {name: value for name, value in values.items() if name not in Decision.names()}
        return cls(decision=decision, **others)

    def value(self, name):
        """Return the value of a parameter by its name."""
        return getattr(self.decision if name in Decision.names() else self, name)

    def describe(self, names=None):
        """Return one line ``SECTION/name = value`` per parameter, for logs.

        Parameters
        ----------
        names : tuple of str, optional
            Which; by default all.

        Returns
        -------
        list of str
        """
        lines = []
        for option in specification():
            if names is not None and option.name not in names:
                continue
            place = f"{option.section}/{option.name}" if option.section else option.name
            lines.append(f"{place} = {_as_text(option, self.value(option.name))}")
        return lines


def resolve_some(names, given):
    """Make a set of parameters of which only some can be given.

    Parameters
    ----------
    names : tuple of str
        Those that can.
    given : mapping
        By name.

    Returns
    -------
    parameters.Parameters
        Any detector is allowed: these calls change no more than `run` did.

    Raises
    ------
    ParameterError
    """
    surplus = [name for name in given if name not in names]
    if surplus:
        raise ParameterError(
            f"{', '.join(surplus)}: not a parameter of this call; it takes {', '.join(names)}."
        )
    return resolve(None, {**given, "any_detector": True})


def resolve(configobj=None, overrides=None):
    """Make one valid set of parameters of defaults, a parameter file and keywords.

    Parameters
    ----------
    configobj : None, str, path-like or mapping, optional
        A ``.cfg`` file, or a ConfigObj as TEAL gives it (any mapping with the
        sections of the parameter file). It need not be complete. None, or
        'defaults' as drizzlepac has it, means the packaged defaults.
    overrides : mapping, optional
        Parameters by name; they win over the file.

    Returns
    -------
    parameters.Parameters

    Raises
    ------
    ParameterError
        Names every fault at once: file, section, parameter, value, what is
        allowed, and the nearest known name for an unknown one.
    """
    by_name = {option.name: option for option in specification()}
    values = {name: option.default for name, option in by_name.items()}
    faults = []
    for where, name, value in _given(configobj, overrides, faults):
        try:
            values[name] = check(by_name[name], value)
        except ValueError as error:
            faults.append(f"{where}{name} = {shown(value)}: {error}")
    if faults:
        raise ParameterError(" ".join(fault if fault.endswith("?") else f"{fault}." for fault in faults))
    return Parameters.of(values)


def runfile_of(configobj, overrides):
    """Return the log file of a call that is refused, as far as its parameters can be read.

    Parameters
    ----------
    configobj, overrides
        As for `resolve`.

    Returns
    -------
    str
        Empty for none.
    """
    [option] = [option for option in specification() if option.name == "runfile"]
    value = option.default
    with contextlib.suppress(ParameterError, ValueError):
        for _, name, given in _given(configobj, {}, []):
            if name == option.name:
                value = check(option, given)
    if option.name in overrides:
        try:
            value = check(option, overrides[option.name])
        except ValueError:
            return ""
    return value


def _given(configobj, overrides, faults):
    """Yield (where, name, value) of every known parameter given; unknown ones are faults."""
    entries, source = _read(configobj)
    yield from _entries_of(entries, source, faults)
    names = [option.name for option in specification()]
    for name, value in (overrides or {}).items():
        if name in names:
            yield "Parameter ", name, value
        else:
            faults.append(f"There is no parameter {shown(name)}{nearest(name, names)}")


def _entries_of(entries, source, faults):
    homes = {option.name: option.section for option in specification()}
    sections = [section for section in dict.fromkeys(homes.values()) if section]
    for key, value in entries.items():
        if key == TASK_KEY:
            continue
        if not isinstance(value, Mapping):
            yield from _entry("", key, value, source, homes, faults)
        elif key in sections:
            for name, entry in _raw(value).items():
                yield from _entry(key, name, entry, source, homes, faults)
        elif value:
            faults.append(f"{source}: there is no section [{key}]{nearest(key, sections)}")


def _entry(section, name, value, source, homes, faults):
    place = f"{source}, section [{section}]" if section else f"{source}, top section"
    if name not in homes or isinstance(value, Mapping):
        faults.append(f"{place}: there is no parameter {shown(name)}{nearest(name, homes)}")
    elif homes[name] != section:
        home = f"section [{homes[name]}]" if homes[name] else "the top section, before the first [section]"
        faults.append(f"{place}: {name} belongs in {home}")
    else:
        yield f"{place}: ", name, value


def _read(configobj):
    """Return the entries of a parameter file or object, uninterpolated, and its name."""
    if configobj is None or (isinstance(configobj, str) and configobj.strip().lower() == "defaults"):
        return {}, "defaults"
    if isinstance(configobj, Mapping):
        entries = _raw(configobj)
        source = str(getattr(configobj, "filename", None) or "the parameter object")
    else:
        entries, source = _read_file(configobj)
    task = entries.get(TASK_KEY, TASK)
    if task != TASK:
        raise ParameterError(
            f"{source}: these are parameters of the task {shown(task)}, not of {TASK}; "
            "'acs-deepcr pars' prints a parameter file of this step."
        )
    return entries, source


def _raw(section):
    # A ConfigObj interpolates when it is asked for an item; its dict does not.
    return dict(dict.items(section)) if isinstance(section, dict) else dict(section)


def _read_file(path):
    try:
        path = Path(path)
    except TypeError:
        raise ParameterError(
            f"configobj = {shown(path)}: it must be the path of a .cfg file, a ConfigObj, or None."
        ) from None
    entries = cfg_file.read(path, "'acs-deepcr pars' prints a parameter file to start from")
    return _raw(entries), str(path)


def cfg_text(parameters=None):
    """Return a ready parameter file.

    Parameters
    ----------
    parameters : Parameters, optional
        Default: the defaults of the specification.

    Returns
    -------
    str
        The text of a ``.cfg`` file that `resolve` and TEAL read, with what is allowed in comments.
    """
    parameters = parameters or resolve()
    lines, section = [f"{TASK_KEY} = {TASK}"], ""
    for option in specification():
        if option.section != section:
            section = option.section
            lines += ["", f"[{section}]"]
        text = _as_text(option, parameters.value(option.name))
        if option.kind == "string":
            text = _quoted(text)
        lines.append(f"{option.name} = {text}  # {option.help}{_allowed_note(option)}")
    return "\n".join(lines) + "\n"


def _allowed_note(option):
    # That a text is one is plain from its quotes.
    return "" if option.kind == "string" and not option.choices else f" [{option.allowed}]"


def _as_text(option, value):
    if option.kind == "boolean":
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _quoted(text):
    for quote in ('"', "'", "'''", '"""'):
        if quote[0] not in text or (len(quote) == 3 and quote not in text and not text.endswith(quote[0])):
            return f"{quote}{text}{quote}"
    raise ParameterError(
        f"The text {shown(text)} cannot be written to a parameter file: it mixes all kinds of quotes."
    )
