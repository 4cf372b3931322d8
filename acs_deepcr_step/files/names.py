"""What the names of an exposure's other files begin with."""

from pathlib import Path

__all__ = ["stem_of"]

_ENDINGS = (".fits", ".fit", ".fts")


def stem_of(exposure_path):
    """Return what the names of an exposure's mask file and clean file begin with.

    Parameters
    ----------
    exposure_path : path-like

    Returns
    -------
    str
        Its name without ``.fits``. Another ending stays, so that ``a.fits`` and ``a.fit``, which may be
        copies of one exposure with flags of their own, do not share a mask file; nor do ``a.fit`` and
        ``a.fit.fits``.
    """
    name = Path(exposure_path).name
    stem = name.removesuffix(".fits")
    if stem != name:
        return name if stem.lower().endswith(_ENDINGS) else stem
    # A name without an ending gets a dot, which sets it off from the one with .fits.
    return name if "." in name else f"{name}."
