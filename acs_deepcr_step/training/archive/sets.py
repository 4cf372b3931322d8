"""The paper's observation sets and results, as data.

``observation_sets.ecsv`` holds Tables 1, 2 and A1 of the paper, merged; ``table3_paper.ecsv`` Table 3.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table

from ...errors import ParameterError

__all__ = [
    "ObservationSet",
    "by_name",
    "disagreements",
    "field_of",
    "observation_sets",
    "paper_table1",
    "paper_table2",
    "paper_table3",
    "paper_table_a1",
]

_HERE = Path(__file__).parent
_SETS = _HERE / "observation_sets.ecsv"
_TABLE3 = _HERE / "table3_paper.ecsv"

_KEY = ("filter", "proposal", "visit", "field")

# Figures in the paper's text (sections 2, 3.1 and 4).
_TEXT_TRAINING_SETS = 39
_TEXT_MAX_TPR_GAP = 1.0


@dataclass(frozen=True)
class ObservationSet:
    """Exposures of one field, by one programme, in one filter.

    Attributes
    ----------
    filter : str
    proposal : int
        Number of the HST programme.
    visit : str
        The paper's observation set ID: usually the visit, without a leading zero.
    field : str
        A key of `samples.FIELD_TYPES`.
    n_exposures : int
    exptime : float
        Mean exposure time, seconds.
    conv_width : float
        TweakReg's ``conv_width``, pixels.
    threshold : float
        TweakReg's ``threshold``, sigma above the background.
    use : str
        ``train`` or ``test``.
    """

    filter: str
    proposal: int
    visit: str
    field: str
    n_exposures: int
    exptime: float
    conv_width: float
    threshold: float
    use: str

    @property
    def name(self):
        """Filter, programme and visit, e.g. ``F435W_10349_30``."""
        return f"{self.filter}_{self.proposal}_{self.visit}"

    @property
    def visit_code(self):
        """The visit's two characters in root names, e.g. ``03``."""
        return self.visit.lower().zfill(2)


def observation_sets(filter=None, field=None, use=None):
    """Return the paper's observation sets.

    Parameters
    ----------
    filter : str, optional
        Only sets in this filter, e.g. ``F814W``.
    field : str, optional
        Only sets of this field type, a key of `samples.FIELD_TYPES`.
    use : str, optional
        ``train`` (Table 1) or ``test`` (Table 2).

    Returns
    -------
    list of ObservationSet
        In the order of Table 1, then Table 2.

    Raises
    ------
    ParameterError
        If no set can have such a value.

    References
    ----------
    Kwon, Zhang & Bloom 2021, Tables 1, 2 and A1.
    """
    sets = [_set(row) for row in _merged()]
    for name, wanted in (("filter", filter), ("field", field), ("use", use)):
        if wanted is None:
            continue
        allowed = list(dict.fromkeys(getattr(one, name) for one in sets))
        if wanted not in allowed:
            raise ParameterError(f"{name}={wanted!r} is not among the paper's sets: use one of {allowed}.")
    return [
        one
        for one in sets
        if filter in (None, one.filter) and field in (None, one.field) and use in (None, one.use)
    ]


def by_name(names):
    """Return observation sets by their names.

    Parameters
    ----------
    names : iterable of str
        E.g. ``F435W_10349_30``.

    Returns
    -------
    list of ObservationSet

    Raises
    ------
    ParameterError
        If a name is none of the paper's.
    """
    known = {one.name: one for one in observation_sets()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ParameterError(
            f"No observation set is called {', '.join(map(repr, unknown))}: use names such as "
            f"{next(iter(known))!r}; sets.observation_sets() lists all {len(known)}."
        )
    return [known[name] for name in names]


@functools.cache
def field_of(name):
    """Return the field type of an observation set.

    Parameters
    ----------
    name : str
        E.g. ``F435W_10349_30``.

    Returns
    -------
    str
        A key of `samples.FIELD_TYPES`; empty for a set that is not the paper's.
    """
    return next((one.field for one in observation_sets() if one.name == name), "")


def paper_table1():
    """Return Table 1, the training sets.

    Returns
    -------
    astropy.table.Table
        Columns filter, proposal, visit, field, n_exposures, exptime (s), in the paper's order.
    """
    return _table_of_use("train")


def paper_table2():
    """Return Table 2, the test sets.

    Returns
    -------
    astropy.table.Table
        Columns as in `paper_table1`.
    """
    return _table_of_use("test")


def paper_table_a1():
    """Return Table A1, the TweakReg parameters.

    Returns
    -------
    astropy.table.Table
        Columns filter, proposal, visit, field, conv_width (pixels), threshold (sigma), in the
        paper's order.
    """
    table = _merged()
    table.sort("row_a1")
    return table[[*_KEY, "conv_width", "threshold"]]


def paper_table3():
    """Return Table 3, the figures that the paper reports.

    Returns
    -------
    astropy.table.Table
        Columns filter (of the test sets), model (``global`` or ``filter``), dilated (bool, the paper's
        "+"), field, tpr_low and tpr_high (fractions, at a false-positive rate of 0.05 % and 0.5 %).
    """
    return Table.read(_TABLE3, format="ascii.ecsv")


def disagreements():
    """Return where the paper's text and its tables disagree.

    Returns
    -------
    list of str
        Sentences, with figures counted from the tables.
    """
    train, test = observation_sets(use="train"), observation_sets(use="test")
    sentences = []
    if len(train) != _TEXT_TRAINING_SETS:
        sentences.append(
            f"The text and the caption of Table 1 speak of {_TEXT_TRAINING_SETS} training sets; "
            f"Table 1 has {len(train)} rows."
        )
    return sentences + _table3_disagreements() + _shared_programmes(train, test)


def _table3_disagreements():
    """Compare the text's figures of global and filter models with Table 3."""
    table = paper_table3()
    keys = list(zip(table["filter"], table["field"], table["dilated"], strict=True))
    rates = {
        model: {key: row for key, row in zip(keys, table, strict=True) if row["model"] == model}
        for model in ("global", "filter")
    }
    pairs = [(key, rates["global"][key], rates["filter"][key]) for key in rates["global"]]
    gaps = {key: 100 * (one["tpr_low"] - other["tpr_low"]) for key, one, other in pairs}
    beyond = [key for key, gap in gaps.items() if round(abs(gap), 2) > _TEXT_MAX_TPR_GAP]
    sentences = []
    if beyond:
        filter, field, is_dilated = worst = max(beyond, key=lambda key: abs(gaps[key]))
        sentences.append(
            "The text says that global and filter models differ by at most about "
            f"{_TEXT_MAX_TPR_GAP:g} point of TPR at an FPR of 0.05 %; in Table 3 {len(beyond)} of "
            f"{len(gaps)} pairs differ by more, up to {abs(gaps[worst]):.1f} points "
            f"({filter}, {field}{', dilated' if is_dilated else ''})."
        )
    plain = table[~table["dilated"]]
    for field, says in (("extragalactic", "near 100"), ("globular", "about 95"), ("galaxy", "about 90")):
        rows = plain[plain["field"] == field]
        low, high = (
            f"{100 * min(rows[name]):.1f} to {100 * max(rows[name]):.1f} %"
            for name in ("tpr_low", "tpr_high")
        )
        sentences.append(
            f"The text gives {says} % TPR without dilation for the field type {field}; Table 3 has that at "
            f"an FPR of 0.5 % only ({high}), and {low} at 0.05 %."
        )
    return sentences


def _shared_programmes(train, test):
    """Find the test sets of programmes that were also trained on."""
    programmes = {one.proposal for one in train}
    tested = [one for one in test if one.proposal in programmes]
    if not tested:
        return []
    shared = sorted({one.proposal for one in tested})
    trained = [one for one in train if one.proposal in shared]
    return [
        f"The text does not say that {len(tested)} of the {len(test)} test sets "
        f"({', '.join(one.name for one in tested)}) come from programmes of which other visits were "
        f"trained on ({', '.join(map(str, shared))}: {len(trained)} training sets)."
    ]


def _merged():
    return Table.read(_SETS, format="ascii.ecsv")


def _table_of_use(use):
    table = _merged()
    return table[table["use"] == use][[*_KEY, "n_exposures", "exptime"]]


def _set(row):
    return ObservationSet(
        filter=str(row["filter"]),
        proposal=int(row["proposal"]),
        visit=str(row["visit"]),
        field=str(row["field"]),
        n_exposures=int(row["n_exposures"]),
        exptime=float(row["exptime"]),
        conv_width=float(row["conv_width"]),
        threshold=float(row["threshold"]),
        use=str(row["use"]),
    )
