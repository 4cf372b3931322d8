"""What the names of an exposure's other files begin with."""

from pathlib import Path

__all__ = ["stem_of"]


def stem_of(exposure_path):
    """Return what the names of an exposure's mask file and clean file begin with.

    Parameters
    ----------
    exposure_path : path-like

    Returns
    -------
    str
        Its name without ``.fits``. Another ending stays, so that ``a.fits`` and ``a.fit``, which may be
        copies of one exposure with flags of their own, do not share a mask file.
    """
    name = Path(exposure_path).name
    if name.endswith(".fits"):
        return name.removesuffix(".fits")
    # A name without an ending gets a dot, which sets it off from the one with .fits.
    return name if "." in name else f"{name}."
