"""Where a pixel lies in the camera's field of view."""

from dataclasses import dataclass

__all__ = ["Place"]


@dataclass(frozen=True)
class Place:
    """Where an array lies in the field, of which the exposure's arrays together are taken for the whole.

    So the changes of the field are squeezed into a small frame.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the array.
    first_row : int
        Rows of the field below the array.
    rows : int
        Of the whole field.
    """

    shape: tuple[int, int]
    first_row: int
    rows: int

    @classmethod
    def of(cls, window, windows):
        """Return the place of a window among those of its exposure; chip 1 lies above chip 2.

        Parameters
        ----------
        window : wcs.Window
        windows : sequence of wcs.Window

        Returns
        -------
        Place
        """
        below = sum(other.shape[0] for other in windows if other.chip > window.chip)
        return cls(window.shape, below, sum(other.shape[0] for other in windows))

    @classmethod
    def alone(cls, shape):
        """Return the place of an array that is the whole field."""
        return cls(tuple(shape), 0, shape[0])

    def units(self, x, y):
        """Return pixels in units of half the field, from -1 to 1 in it.

        Parameters
        ----------
        x, y : ndarray
            Pixels of the array, 0-based.

        Returns
        -------
        u, v : ndarray
        """
        return (2 * x + 1) / self.shape[1] - 1, (2 * (y + self.first_row) + 1) / self.rows - 1

    def pixels(self, u, v):
        """Return the pixels of the array, 0-based, of positions in the field; the inverse of `units`."""
        return ((u + 1) * self.shape[1] - 1) / 2, ((v + 1) * self.rows - 1) / 2 - self.first_row
