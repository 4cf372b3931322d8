"""The data-quality bits of an ACS exposure, by name.

Source: ACS Data Handbook, table of DQ flags. The DQ array is a signed
16-bit integer, so bit 32768 cannot be set safely and is never used here.
"""

__all__ = [
    "APERTURE", "A_TO_D", "BAD", "BIAS", "CR_ACSREJ", "CR_ASTRODRIZZLE", "CR_BITS", "FILL", "FULL_WELL",
    "HOT", "LOST", "NO_IMAGE", "REFERENCE", "SATURATED", "TRAP", "UNSTABLE", "USER", "WARM", "is_good",
    "is_saturated", "is_sky",
]  # fmt: skip

LOST = 1  # lost in transmission and replaced (Reed-Solomon)
FILL = 2  # fill data
BAD = 4  # bad detector pixel
APERTURE = 8  # masked by an occulting aperture
HOT = 16
UNSTABLE = 32
WARM = 64
BIAS = 128  # bias structure or bad column
FULL_WELL = 256  # full-well saturation
REFERENCE = 512  # bad pixel in a reference file
TRAP = 1024  # charge trap or sink pixel
A_TO_D = 2048  # saturation of the analogue-to-digital converter
CR_ASTRODRIZZLE = 4096  # cosmic ray found by AstroDrizzle
CR_ACSREJ = 8192  # cosmic ray found by acsrej when it combines exposures
USER = 16384  # free for users; acstools marks satellite trails with it

SATURATED = FULL_WELL | A_TO_D

# Pixels that carry no information on the sky.
NO_IMAGE = LOST | FILL | BAD | APERTURE | BIAS

# The bits this step may write. AstroDrizzle treats every other bit as a
# property of the detector, and 16, 64 and 256 as good pixels.
CR_BITS = (CR_ACSREJ, CR_ASTRODRIZZLE, USER)


def is_good(bits):
    """Return where no DQ bit is set.

    Parameters
    ----------
    bits : ndarray, (R, C), integer
        As in the file.

    Returns
    -------
    ndarray, (R, C), bool
    """
    # The top bit is turned over where the file holds unsigned integers.
    return (bits & (2 ** (8 * bits.dtype.itemsize - 1) - 1)) == 0


def is_sky(bits):
    """Return where no DQ bit is set but those of cosmic rays, which may be ours, (R, C) bool."""
    cosmic_ray = CR_ACSREJ | CR_ASTRODRIZZLE | USER
    return is_good((bits | cosmic_ray) ^ cosmic_ray)  # `& ~` overflows where the file holds unsigned integers


def is_saturated(image, full_well, bits=None):
    """Return which pixels are saturated, by DQ or by their charge.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons, sky included.
    full_well : float
        Electrons above which a pixel counts as saturated.
    bits : ndarray, (R, C), integer, optional
        DQ as in the file.

    Returns
    -------
    ndarray, (R, C), bool
    """
    by_charge = image > full_well
    return by_charge if bits is None else ((bits & SATURATED) != 0) | by_charge
