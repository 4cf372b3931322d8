"""How much time a run spends in named functions of the package."""

import functools
import pkgutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

_PACKAGE = "acs_deepcr_step"


@dataclass(frozen=True)
class _Place:
    """A module or class of the package that has a function, and the name that it has there."""

    owner: ModuleType | type
    name: str

    def put(self, function):
        setattr(self.owner, self.name, function)


@dataclass(frozen=True)
class _Replaced:
    """A function that was replaced, and where."""

    function: Callable
    place: _Place


class Stopwatch:
    """Adds up the time in named functions of the package; a context manager.

    A function that another one of them calls counts for that one; threads add up.

    Parameters
    ----------
    stages : dict of str to sequence of str
        By the name of each stage, its functions and methods by their names below the package, e.g.
        ``files.exposure.read_sci``.

    Attributes
    ----------
    seconds : dict of str to float

    Raises
    ------
    LookupError
        If a function is gone.
    """

    def __init__(self, stages):
        self.seconds = dict.fromkeys(stages, 0.0)
        self._functions = {_function(name): stage for stage, names in stages.items() for name in names}
        self._inside, self._lock, self._replaced = threading.local(), threading.Lock(), []

    def __enter__(self):
        for function, stage in self._functions.items():
            watched = self._watched(stage, function)
            for place in _places(function):
                self._replaced.append(_Replaced(function, place))
                place.put(watched)
        return self

    def __exit__(self, *exception):
        while self._replaced:
            replaced = self._replaced.pop()
            replaced.place.put(replaced.function)

    def _watched(self, stage, function):
        @functools.wraps(function)
        def call(*args, **keywords):
            if getattr(self._inside, "yes", False):
                return function(*args, **keywords)
            self._inside.yes, began = True, time.perf_counter()
            try:
                return function(*args, **keywords)
            finally:
                self._inside.yes = False
                with self._lock:
                    self.seconds[stage] += time.perf_counter() - began

        return call


def _function(name):
    try:
        return pkgutil.resolve_name(f"{_PACKAGE}.{name}")
    except (AttributeError, ImportError) as error:
        raise LookupError(
            f"{_PACKAGE}.{name} is gone ({error}): bring the stages of benchmarks/speed.py up to date."
        ) from error


def _places(function):
    """Return every `_Place` of a function: what was imported by name has it too."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == _PACKAGE]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return [
        _Place(owner, name)
        for owner in [*modules, *classes]
        for name, value in vars(owner).items()
        if value is function
    ]
