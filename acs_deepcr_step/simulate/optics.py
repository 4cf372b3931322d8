"""The aberrations of the telescope and of a camera, by place in the field and by focus.

The numbers are those of Tiny Tim 7.5 (J. Krist, R. Hook and F. Stoehr, STScI; its tables ``acswfc?.tab``,
``acswfc?.pup``, ``wfc3_uvis2.pup``), which were measured on stars. Its polynomials of fifth order in both
coordinates are replaced by the quadratic ones that fit them best over the field (rest: 1 to 4 nm rms); for
the centre of chip 2 they give what drizzlepac's model PSFs say in their headers. A micron by which the
secondary mirror moves adds 6.1 nm of focus; in an orbit it moves by 2 to 4 micron ("breathing"), and it may
be off by 5. How the axes of the pupil and of the detector lie to each other is left out.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["ACS_WFC", "UVIS", "Aberrations", "Optics"]

_FOCUS_PER_MICRON = 6.1  # nm rms


@dataclass(frozen=True)
class Aberrations:
    """The wavefront at one place, and the charge diffusion there.

    Attributes
    ----------
    zernike : tuple of float
        Focus, astigmatism at 0 and 45 degrees, coma in x and y, clover in x and y, spherical: nm rms.
    diffusion : float
        Variance of the charge diffusion beyond the usual one, pixels squared per axis.
    """

    zernike: tuple[float, ...]
    diffusion: float

    def wavefront(self, x, y, pupil):
        """Return the path difference over the pupil.

        Parameters
        ----------
        x, y : ndarray
            In units of its radius; of shapes that broadcast.
        pupil : ndarray, (N, N)
            Its transmission.

        Returns
        -------
        ndarray, (N, N)
            nm.
        """
        r2 = x**2 + y**2
        shapes = (
            2 * r2 - 1, x**2 - y**2, 2 * x * y, (3 * r2 - 2) * x, (3 * r2 - 2) * y,
            x**3 - 3 * x * y**2, 3 * x**2 * y - y**3, 6 * r2**2 - 6 * r2 + 1,
        )  # fmt: skip
        out = np.zeros(pupil.shape)
        for amount, shape in zip(self.zernike, shapes, strict=True):
            # The pupil has a hole, on which the polynomials are neither of mean 0 nor of rms 1.
            shape = shape - np.average(shape, weights=pupil)
            out += amount / np.sqrt(np.average(shape**2, weights=pupil)) * shape
        return out


@dataclass(frozen=True)
class Optics:
    """The aberrations of a camera over its field.

    Attributes
    ----------
    changing : tuple of tuple of float
        For focus, two astigmatisms and two comas: nm rms as 1, u, v, u^2, u v, v^2, with u and v the columns
        and rows from -1 to 1.
    fixed : tuple of float
        Clovers and spherical aberration, nm rms.
    diffusion : tuple of float
        Variance of the charge diffusion beyond that at the field's centre, in the same terms.
    """

    changing: tuple[tuple[float, ...], ...]
    fixed: tuple[float, ...]
    diffusion: tuple[float, ...]

    def at(self, u, v, focus):
        """Return the aberrations at a place.

        Parameters
        ----------
        u, v : float
            From -1 to 1.
        focus : float
            How far the secondary mirror is from its nominal place, micron.

        Returns
        -------
        Aberrations
        """
        terms = np.array([1.0, u, v, u * u, u * v, v * v])
        changing = [float(round(np.dot(one, terms), 3)) for one in self.changing]
        changing[0] += focus * _FOCUS_PER_MICRON
        return Aberrations((*changing, *self.fixed), float(round(np.dot(self.diffusion, terms), 5)))


ACS_WFC = Optics(
    changing=(
        (15.4, -1.2, 6.9, -3.8, -4.3, -8.5),
        (17.2, -1.3, -0.8, 20.6, -1.5, -26.3),
        (13.4, -4.4, 8.2, -18.0, -10.1, -19.9),
        (0.6, -6.0, 8.4, 2.2, -0.9, 2.0),
        (-0.7, -5.6, 6.7, -2.0, -4.9, 2.6),
    ),
    fixed=(4.1, 9.8, -13.7),
    diffusion=(0.0, 0.017, 0.010, 0.006, 0.015, 0.012),
)
# Quadratic polynomials in Tiny Tim, too.
UVIS = Optics(
    changing=(
        (10.5, -2.3, 2.7, -11.6, -6.0, -11.1),
        (-4.1, -6.2, 6.8, 2.7, -7.6, 3.2),
        (0.1, -8.2, -7.5, 3.9, -0.5, -4.1),
        (-11.3, 0.0, -0.1, 10.4, -9.6, 11.0),
        (0.1, -0.6, -0.5, 5.5, -0.7, -5.7),
    ),
    fixed=(0.0, 0.0, 0.0),
    diffusion=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
