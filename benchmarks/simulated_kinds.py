"""Kinds of simulated exposures that the benchmarks measure on, beside the simulator's plain ones."""

__all__ = ["KINDS", "add_kinds_argument", "settings"]

# Micron by which the secondary mirror is off in one exposure after the other: breathing, a third of it drift.
_FOCI = (2.0, -1.5, 4.0, 0.5, -3.0, 3.0, -0.5, 1.0)
KINDS = ("plain", "field", "psf", "rays", "both")


def settings(kind, n=1, first=0):
    """Return the options of the simulator that make a kind.

    Parameters
    ----------
    kind : {'plain', 'field', 'psf', 'rays', 'both'}
        As the simulator has it by default; with a PSF that changes over the field; also with the focus, which
        differs from exposure to exposure; with cosmic rays of version 2; with this and the one before it.
    n : int
        Exposures.
    first : int
        Number of the first one's focus.

    Returns
    -------
    dict
    """
    made = {"psf_changes": True} if kind == "field" else {}
    if kind in ("psf", "both"):
        made |= {"psf_changes": True, "focus": tuple(_FOCI[(first + i) % len(_FOCI)] for i in range(n))}
    if kind in ("rays", "both"):
        made |= {"cosmic_ray_version": 2}
    return made


def add_kinds_argument(parser):
    """Add the option that chooses kinds to a command line."""
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=["plain"],
        help="field: the PSF changes over it; psf: with the focus, too; rays: cosmic rays of version 2",
    )  # fmt: skip
