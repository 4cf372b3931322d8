"""Where the detector looks: distortion and pointing, and the way between sky plane and pixels.

The numbers are those that ``stwcs.updatewcs`` computes from the reference file ``0461802ej_idc.fits`` for
F814W in July 2012, in the header of a real exposure that astropy ships (``j94f05bgq_flt.fits``).
"""

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from .distortion import CHIPS

CHIP_SHAPE = (2048, 4096)
REFERENCE = (1024.0, 2048.0)  # CRPIX2, CRPIX1 of a full chip
_PLANE_SCALE = 0.05 / 3600


@dataclass(frozen=True)
class Window:
    """The part of a chip that is read: the rows next to the gap between the chips, and the central columns.

    Attributes
    ----------
    chip : int
        CCDCHIP.
    extver : int
    shape : tuple of int
    x0, y0 : int
        Detector pixel (0-based) of the first array pixel.
    """

    chip: int
    extver: int
    shape: tuple
    x0: int
    y0: int


def windows(shape, chips):
    """The windows of one exposure, in the order of EXTVER.

    Two chips: EXTVER 1 is chip 2, EXTVER 2 is chip 1, as calacs writes them; one chip is chip 1, a subarray.

    Raises
    ------
    ValueError
        If the shape is not that of a part of a chip, or there are not one or two chips.
    """
    rows, columns = (int(n) for n in shape)
    if not (16 <= rows <= CHIP_SHAPE[0] and 16 <= columns <= CHIP_SHAPE[1]):
        raise ValueError(f"shape {shape} does not lie within 16 x 16 and 2048 x 4096 (rows, columns)")
    if chips not in (1, 2):
        raise ValueError(f"an ACS/WFC exposure has 1 or 2 chips, not {chips}")
    x0 = (CHIP_SHAPE[1] - columns) // 2
    order = (2, 1) if chips == 2 else (1,)
    first_row = {2: CHIP_SHAPE[0] - rows, 1: 0}
    return [Window(chip, i, (rows, columns), x0, first_row[chip]) for i, chip in enumerate(order, 1)]


class Pointing:
    """Direction and roll of the telescope: a rotation against the exposure the numbers come from."""

    def __init__(self, ra, dec, orientation):
        chip = CHIPS[2]
        old = _frame(*chip["CRVAL"], chip["ORIENTAT"])
        self.rotation = _frame(ra, dec, orientation) @ old.T

    def moved(self, window, dx, dy, roll=0.0):
        """The pointing that moves the stars by `dx`, `dy` pixels at the window's centre, then rolls."""
        y, x = (0.5 * (n - 1) for n in window.shape)
        before, after = (_vector(*p) for p in self.wcs(window).all_pix2world([[x + dx, y + dy], [x, y]], 0))
        new = object.__new__(Pointing)
        new.rotation = _turn(after, -np.radians(roll)) @ _shortest(before, after) @ self.rotation
        return new

    def cards(self, window):
        """CRPIX, CRVAL, CD, ORIENTAT and the SIP terms of a window, a dict of header values."""
        chip = CHIPS[window.chip]
        old = _frame(*chip["CRVAL"], 0.0)
        vector, north = self.rotation @ old[:, 0], self.rotation @ old[:, 1]
        ra, dec = np.degrees(np.arctan2(vector[1], vector[0])) % 360, np.degrees(np.arcsin(vector[2]))
        local = _frame(ra, dec, 0.0)
        turn = np.arctan2(-(north @ local[:, 2]), north @ local[:, 1])
        c, s = np.cos(turn), np.sin(turn)
        cd = np.array([[c, s], [-s, c]]) @ np.array(chip["CD"])
        cards = {
            "CRPIX1": REFERENCE[1] - window.x0,
            "CRPIX2": REFERENCE[0] - window.y0,
            "CRVAL1": ra,
            "CRVAL2": dec,
            "CTYPE1": "RA---TAN-SIP",
            "CTYPE2": "DEC--TAN-SIP",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CD1_1": cd[0, 0],
            "CD1_2": cd[0, 1],
            "CD2_1": cd[1, 0],
            "CD2_2": cd[1, 1],
            "ORIENTAT": np.degrees(np.arctan2(cd[0, 1], cd[1, 1])),
            "RADESYS": "ICRS",
        }
        cards = {k: float(v) if isinstance(v, np.floating) else v for k, v in cards.items()}
        for axis in "AB":
            cards[f"{axis}_ORDER"] = 5
            cards |= {f"{axis}_{term}": value for term, value in chip[axis].items()}
        return cards

    def wcs(self, window):
        """The astropy WCS of a window, SIP included."""
        from astropy.io.fits import Header

        header = Header({"NAXIS": 2, "NAXIS1": window.shape[1], "NAXIS2": window.shape[0], "WCSAXES": 2})
        header.update(self.cards(window))
        return WCS(header)


def plane(pointing, windows_):
    """The sky plane of an association: a tangent plane at the windows' centre, y along the detector's y.

    Returns
    -------
    astropy.wcs.WCS
        0-based pixel (0, 0) is its centre.
    """
    vectors = []
    for window in windows_:
        y, x = (0.5 * (n - 1) for n in window.shape)
        vectors.append(_vector(*pointing.wcs(window).all_pix2world([[x, y]], 0)[0]))
    mean = np.mean(vectors, axis=0)
    mean /= np.linalg.norm(mean)
    angle = np.radians(pointing.cards(windows_[0])["ORIENTAT"])
    c, s = np.cos(angle), np.sin(angle)
    out = WCS(naxis=2)
    out.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    out.wcs.crval = [np.degrees(np.arctan2(mean[1], mean[0])) % 360, np.degrees(np.arcsin(mean[2]))]
    out.wcs.crpix = [1, 1]
    out.wcs.cd = np.array([[-c, s], [s, c]]) * _PLANE_SCALE
    out.wcs.set()
    return out


class SkyView:
    """The way between plane positions and the pixels of one window; see `scene.image`."""

    def __init__(self, plane_, wcs, shape):
        self.plane, self.wcs, self.shape = plane_, wcs, shape

    def pixels(self, x, y):
        """Detector pixels of plane positions; NaN far outside, where the distortion has no meaning."""
        world = self.plane.wcs_pix2world(np.stack([x, y], axis=-1), 0)
        rough = self.wcs.wcs_world2pix(world, 0)
        margin = 400
        near = ((rough > -margin) & (rough < np.array(self.shape[::-1]) + margin)).all(axis=1)
        out = np.full_like(rough, np.nan)
        if near.any():
            out[near] = self.wcs.all_world2pix(world[near], 0, tolerance=1e-6, maxiter=40, quiet=True)
        return out[:, 0], out[:, 1]

    def to_plane(self, px, py):
        """Plane positions of detector pixels."""
        world = self.wcs.all_pix2world(np.stack([np.ravel(px), np.ravel(py)], axis=-1), 0)
        return self.plane.wcs_world2pix(world, 0)

    def grid(self, shape, step=32):
        """Plane positions of all pixels, bilinear between nodes `step` pixels apart (good to 0.003 pixel)."""
        rows, columns = (np.arange(0, n + step, step) for n in shape)
        nodes = self.to_plane(*np.meshgrid(columns, rows)).reshape(rows.size, columns.size, 2)
        weights = [_linear(n, nodes_.size, step) for n, nodes_ in zip(shape, (rows, columns), strict=True)]
        return tuple((weights[0] @ nodes[:, :, i].astype(np.float32)) @ weights[1].T for i in (0, 1))

    def jacobian(self, px, py):
        """Derivatives of the plane position by the pixel, shape (N, 2, 2)."""
        by_x = self.to_plane(px + 0.5, py) - self.to_plane(px - 0.5, py)
        by_y = self.to_plane(px, py + 0.5) - self.to_plane(px, py - 0.5)
        return np.stack([by_x, by_y], axis=-1)


def _linear(size, nodes, step):
    place = np.arange(size) / step
    weights = 1 - abs(place[:, None] - np.arange(nodes))
    return np.clip(weights, 0, None).astype(np.float32)


def _vector(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def _frame(ra, dec, angle):
    """Columns: the direction, the tangent at a position angle, and their product (west, for angle 0)."""
    r = _vector(ra, dec)
    ra, dec, angle = np.radians([ra, dec, angle])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    tangent = np.cos(angle) * north + np.sin(angle) * east
    return np.stack([r, tangent, np.cross(r, tangent)], axis=1)


def _turn(axis, angle):
    """Rotation by `angle` (rad) about a unit vector."""
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _shortest(before, after):
    """Rotation that takes one unit vector to another near to it."""
    axis = np.cross(before, after)
    sine = np.linalg.norm(axis)
    return np.eye(3) if sine < 1e-15 else _turn(axis / sine, np.arctan2(sine, before @ after))
