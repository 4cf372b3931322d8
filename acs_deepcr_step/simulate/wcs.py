"""Where the detector looks: its windows, their distortion, the pointing, and the sky plane.

The numbers of ACS/WFC are those that ``stwcs.updatewcs`` computes from the reference file
``0461802ej_idc.fits`` for F814W in July 2012, in the header of a real exposure that astropy ships
(``j94f05bgq_flt.fits``).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS

from .cameras import ACS_WFC, Camera

__all__ = ["Pointing", "Window", "tangent_plane", "windows"]


@dataclass(frozen=True)
class Window:
    """The part of a chip that is read: the rows next to the gap between the chips, and the central columns.

    Attributes
    ----------
    chip : int
        CCDCHIP.
    extver : int
    shape : tuple of int
        Rows and columns.
    x0, y0 : int
        Detector pixel (0-based) of the first array pixel.
    """

    chip: int
    extver: int
    shape: tuple[int, int]
    x0: int
    y0: int


def windows(shape, chips, camera=ACS_WFC):
    """Return the windows of one exposure, in the order of EXTVER.

    Two chips: EXTVER 1 is chip 2, EXTVER 2 is chip 1, as calacs writes them; one chip is chip 1, a subarray.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of each.
    chips : {2, 1}
    camera : cameras.Camera, optional

    Returns
    -------
    list of Window

    Raises
    ------
    ValueError
        If the shape is not that of a part of a chip, or there are not one or two chips.
    """
    rows, columns = (int(n) for n in shape)
    most_rows, most_columns = camera.chip_shape
    if not (16 <= rows <= most_rows and 16 <= columns <= most_columns):
        most = f"{most_rows} x {most_columns}"
        raise ValueError(f"shape {shape} does not lie within 16 x 16 and {most} (rows, columns)")
    if chips not in (1, 2):
        raise ValueError(f"an {camera.name} exposure has 1 or 2 chips, not {chips}")
    x0 = (most_columns - columns) // 2
    order = (2, 1) if chips == 2 else (1,)
    first_row = {2: most_rows - rows, 1: 0}
    return [Window(chip, i, (rows, columns), x0, first_row[chip]) for i, chip in enumerate(order, 1)]


@dataclass(frozen=True, eq=False)
class Pointing:
    """Direction and roll of the telescope.

    Attributes
    ----------
    ra, dec, orientation : float
        Where it was pointed at first: the reference pixel of chip 2, and the position angle there of the
        detector's y axis, degrees.
    moves : ndarray, (3, 3), float64
        How it was rotated since then.
    camera : cameras.Camera
    """

    ra: float
    dec: float
    orientation: float
    moves: np.ndarray = field(default_factory=lambda: np.eye(3), repr=False)
    camera: Camera = field(default=ACS_WFC, repr=False)

    @property
    def rotation(self):
        """Rotation from the exposure that the numbers of `distortion` come from, (3, 3) float64."""
        chip = self.camera.chips[2]
        original = _frame(*chip["CRVAL"], chip["ORIENTAT"])
        return self.moves @ (_frame(self.ra, self.dec, self.orientation) @ original.T)

    def moved(self, window, dx, dy, roll=0.0):
        """Return the pointing that moves the stars on the detector, and then rolls.

        Parameters
        ----------
        window : Window
            The stars move by so much at its centre, and the roll is about it.
        dx, dy : float
            Pixels.
        roll : float
            Degrees.

        Returns
        -------
        Pointing
        """
        y, x = (0.5 * (n - 1) for n in window.shape)
        before, after = (_vector(*p) for p in self.wcs(window).all_pix2world([[x + dx, y + dy], [x, y]], 0))
        move = _rotation_about(after, -np.radians(roll)) @ _shortest_rotation(before, after)
        return replace(self, moves=move @ self.moves)

    def cards(self, window):
        """Return the header cards of a window's WCS.

        Parameters
        ----------
        window : Window

        Returns
        -------
        dict
            CRPIX, CRVAL, CD, ORIENTAT and the SIP polynomials.
        """
        chip = self.camera.chips[window.chip]
        original, rotation = _frame(*chip["CRVAL"], 0.0), self.rotation
        vector, north = rotation @ original[:, 0], rotation @ original[:, 1]
        ra, dec = np.degrees(np.arctan2(vector[1], vector[0])) % 360, np.degrees(np.arcsin(vector[2]))
        local = _frame(ra, dec, 0.0)
        turn = np.arctan2(-(north @ local[:, 2]), north @ local[:, 1])
        c, s = np.cos(turn), np.sin(turn)
        cd = np.array([[c, s], [-s, c]]) @ np.array(chip["CD"])
        cards = {
            "CRPIX1": self.camera.reference[1] - window.x0,
            "CRPIX2": self.camera.reference[0] - window.y0,
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
            cards[f"{axis}_ORDER"] = max(sum(map(int, term.split("_"))) for term in chip[axis])
            cards |= {f"{axis}_{term}": value for term, value in chip[axis].items()}
        return cards

    def wcs(self, window):
        """Return the WCS of a window, SIP included.

        Parameters
        ----------
        window : Window

        Returns
        -------
        astropy.wcs.WCS
        """
        header = Header({"NAXIS": 2, "NAXIS1": window.shape[1], "NAXIS2": window.shape[0], "WCSAXES": 2})
        header.update(self.cards(window))
        return WCS(header)


def tangent_plane(pointing, seen):
    """Return the sky plane of an association: tangent at the windows' centre, y along the detector's y.

    Parameters
    ----------
    pointing : Pointing
    seen : list of Window

    Returns
    -------
    astropy.wcs.WCS
        0-based pixel (0, 0) is its centre.
    """
    vectors = []
    for window in seen:
        y, x = (0.5 * (n - 1) for n in window.shape)
        vectors.append(_vector(*pointing.wcs(window).all_pix2world([[x, y]], 0)[0]))
    mean = np.mean(vectors, axis=0)
    mean /= np.linalg.norm(mean)
    angle = np.radians(pointing.cards(seen[0])["ORIENTAT"])
    c, s = np.cos(angle), np.sin(angle)
    out = WCS(naxis=2)
    out.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    out.wcs.crval = [np.degrees(np.arctan2(mean[1], mean[0])) % 360, np.degrees(np.arcsin(mean[2]))]
    out.wcs.crpix = [1, 1]
    out.wcs.cd = np.array([[-c, s], [s, c]]) * (pointing.camera.pixel / 3600)
    out.wcs.set()
    return out


def _vector(ra, dec):
    """Return the unit vector of a direction (degrees)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def _frame(ra, dec, angle):
    """Return three unit vectors as the columns of a matrix, (3, 3).

    They are the direction, the tangent at a position angle, and their cross product (west, for angle 0).
    """
    r = _vector(ra, dec)
    ra, dec, angle = np.radians([ra, dec, angle])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    tangent = np.cos(angle) * north + np.sin(angle) * east
    return np.stack([r, tangent, np.cross(r, tangent)], axis=1)


def _rotation_about(axis, angle):
    """Return the rotation by `angle` (rad) about a unit vector."""
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _shortest_rotation(before, after):
    """Return the rotation that takes one unit vector to another near to it."""
    axis = np.cross(before, after)
    sine = np.linalg.norm(axis)
    return np.eye(3) if sine < 1e-15 else _rotation_about(axis / sine, np.arctan2(sine, before @ after))
