"""The rules of deciding together that `consensus_rules.py` switches off, one at a time."""

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from unittest import mock

import numpy as np

from acs_deepcr_step.arrays.background_map import BackgroundMap, measure_map
from acs_deepcr_step.flagging import chip, guard
from acs_deepcr_step.flagging.consensus import (
    agreement,
    brightness,
    decision,
    lookup,
    pointing,
    shape,
    verdict,
)
from acs_deepcr_step.flagging.consensus.comparison import Compared
from acs_deepcr_step.flagging.consensus.stars import Followed, Stars
from acs_deepcr_step.work import field_member


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule, and how to do without it.

    Attributes
    ----------
    name : str
    says : str
        What it does, a sentence.
    places : tuple of tuple of (object, str)
        Modules or classes, and the names in them, that are replaced.
    instead : callable or object
        Takes what is there usually, and returns what takes its place.
    measures : bool
        Whether it acts when an exposure is measured, before the comparison.
    """

    name: str
    says: str
    places: tuple[tuple[object, str], ...]
    instead: Callable
    measures: bool = False

    @contextmanager
    def off(self):
        """Do without the rule, in this process."""
        with ExitStack() as stack:
            for place, name in self.places:
                stack.enter_context(mock.patch.object(place, name, self.instead(getattr(place, name))))
            yield


# --- what takes the place of a rule ---


def _always(function):
    """Return what ignores what is there usually."""
    return lambda _usual: function


def _expected_with(name):
    """Return what sets an attribute of `Expected` to zeros."""

    def instead(usual):
        def expected_of(*arguments):
            expected = usual(*arguments)
            return replace(expected, **{name: np.zeros_like(getattr(expected, name))})

        return expected_of

    return instead


def _as_bright(usual):
    def agreed(found, shown, its_pointing, counts):
        return usual(found, shown, replace(its_pointing, brightness=1.0), counts)

    return agreed


def _stars_left_in(usual):
    none = Followed(Stars.none(), Stars.none())
    return SimpleNamespace(of=lambda other, found, _stars: usual.of(other, found, none))


def _flat_background(image, good):
    usual = measure_map(image, good)
    return BackgroundMap.flat(image.shape, usual.typical_level, usual.typical_rms)


def _nothing_near(saturated):
    return np.zeros_like(saturated)


_NO_GUARD = SimpleNamespace(near=_nothing_near, PROBABILITY=guard.PROBABILITY)

RULES = (
    Rule(
        "shape", "What is as wide as a star, and of no pixel of which the network is sure, moved or changed.",
        ((shape, "of_a_source"),),
        _always(lambda found, _excess, _sigma, _flagged, _on: np.zeros(found.index.size, bool)),
    ),
    Rule(
        "brightness", "A source that is brighter here in most of its pixels is expected to be.",
        ((brightness, "as_bright_as_here"),), _always(lambda _found, expected, _asked: expected),
    ),
    Rule(
        "growth", "Neighbours of flags that stand out by 2 sigma are flagged.",
        ((decision, "_grow_by_excess"),), _always(lambda *_arguments: None),
    ),
    Rule(
        "guard", "Beside a star that filled pixels the others may only spare, but for a large excess.",
        ((decision, "guard"),), _always(_NO_GUARD),
    ),
    Rule(
        "full", "Where another exposure shows a saturated source nothing is flagged for what it shows.",
        ((verdict, "expected_of"),), _expected_with("full"),
    ),
    Rule(
        "slope", "Differences of bright pixels tell the misalignment, which widens the errors.",
        ((agreement, "_slope"),), _always(lambda *_arguments: 0.0),
    ),
    Rule(
        "share", "Peaks of stars that are lower in the other exposure widen the errors of all sources.",
        ((agreement, "agreement"),), _as_bright,
    ),
    Rule(
        "astray", "Stars that the other exposure misses lower the weight of all that it says.",
        ((verdict, "expected_of"),), _expected_with("astray"),
    ),
    Rule(
        "refusal", "An exposure that misses many stars, or moves no log odds, is not used.",
        ((Compared, "is_used"),), _always(lambda one, _found, _calibration: one.covers),
    ),
    Rule(
        "known error", "Where few stars tell, the pointing is as uncertain as the WCS is.",
        ((pointing, "known_error"),), _always(lambda _one, _other: 0.0),
    ),
    Rule(
        "stars taken out", "Stars of the other exposure are modelled, not interpolated.",
        ((lookup, "_Seen"),), _stars_left_in,
    ),
    Rule(
        "stars", "Stars are found: to be taken out, to tell the pointing, and to be counted.",
        ((field_member, "find_stars"),), _always(lambda _chip: Stars.none()), measures=True,
    ),
    Rule(
        "background map", "The background and its rms are measured in boxes, not one for the chip.",
        ((chip, "measure_map"),), _always(_flat_background),
        measures=True,
    ),
)  # fmt: skip
