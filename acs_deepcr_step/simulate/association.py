"""Single chips and dithered associations."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.ndimage import maximum_filter

from .. import dq
from . import changes, cosmic_rays, detector, filters, headers, scene, truth, wcs
from .options import DITHERS, resolve

_MARGIN = 64  # pixels of sky around the frame of the first exposure


@dataclass(frozen=True, eq=False)
class SimulatedChip:
    """One chip, arrays only.

    Attributes
    ----------
    sci, err : float32 ndarray
        Electrons, sky included.
    dq : int16 ndarray
    cr : bool ndarray
        Pixels hit by cosmic rays; see `truth` for the limit.
    cr_charge : float32 ndarray
        ``sci`` minus this is the chip without cosmic rays, exactly.
    dq_clean : int16 ndarray
        DQ of the chip without cosmic rays.
    stars : structured ndarray
        See `truth.ChipTruth`.
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    cr: np.ndarray
    cr_charge: np.ndarray
    dq_clean: np.ndarray
    stars: np.ndarray


def chip(
    shape=(512, 512), exptime=500.0, filter="F814W", field="sparse", seed=0, *, options=None, **keywords
):
    """Simulate one chip, without files and distortion.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns; amplifiers A and B read the halves.
    exptime : float
        Seconds.
    filter : str
        As `filters.lookup` takes it.
    field : {'sparse', 'crowded', 'galaxies'}
    seed : int
        The same seed gives the same pixels.
    options : SimulationOptions, optional
    **keywords
        Fields of `SimulationOptions`.

    Returns
    -------
    SimulatedChip
    """
    options, band = resolve(options, keywords), filters.lookup(filter)
    box = (-_MARGIN, -_MARGIN, shape[1] + _MARGIN, shape[0] + _MARGIN)
    sky = scene.draw(field, box, band, options, _rng(seed, 0))
    faults = detector.build(shape, options, _rng(seed, 1, 1))
    amps = detector.amplifiers(1, shape[1], 2048 - shape[1] // 2)
    light, stars = scene.image(sky, shape, scene.FlatView(), band, exptime)
    return _expose(light, stars, faults, amps, band, exptime, options, _rng(seed, 2, 0, 1))


def association(
    outdir, n=4, shape=(2048, 4096), chips=2, filter="F814W", exptime=500.0, field="sparse", seed=0,
    *, options=None, **keywords,
):  # fmt: skip
    """Simulate the dithered exposures of one field and write them as calacs would.

    Parameters
    ----------
    outdir : str or Path
        Made if need be.
    n : int
        Exposures, 1 to 8 (more with `SimulationOptions.dithers`, at most 26).
    shape : tuple of int
        Rows and columns of a chip; smaller ones are the part of the chip at the gap, central columns.
    chips : {2, 1}
        Two: EXTVER 1 is CCDCHIP 2 and EXTVER 2 is CCDCHIP 1. One: a subarray of CCDCHIP 1.
    filter : str
        As `filters.lookup` takes it.
    exptime : float or sequence of float
        Seconds, for all exposures or one for each.
    field : {'sparse', 'crowded', 'galaxies'}
    seed : int
        The same seed gives the same pixels. An exposure's sky, faults and noise do not depend on `n`.
    options : SimulationOptions, optional
    **keywords
        Fields of `SimulationOptions`.

    Returns
    -------
    list of Path
        ``j8sm01aaq_flc.fits``, ``j8sm01abq_flc.fits``, ...; ``j8sm01010_asn.fits`` and the truth
        (``<root>_flc_truth.fits``) lie beside them.

    Raises
    ------
    ValueError
        For a number, shape, field, filter or list of another length that cannot be.
    """
    options, band = resolve(options, keywords), filters.lookup(filter)
    exptimes = _per_exposure(exptime, n, "exptime")
    windows = wcs.windows(shape, chips)
    outdir = Path(outdir)
    outdir.mkdir(parents=True, exist_ok=True)
    plan = _Plan(windows, band, exptimes, field, seed, options)
    roots = [f"{options.root}a{chr(97 + i)}q" for i in range(n)]
    paths = [plan.write(outdir, root, i) for i, root in enumerate(roots)]
    table = headers.association_table(f"{options.root}010", roots)
    table.writeto(outdir / f"{options.root}010_asn.fits", overwrite=True)
    return paths


class _Plan:
    """What the exposures of an association have in common."""

    def __init__(self, windows, band, exptimes, field, seed, options):
        n = len(exptimes)
        self.windows, self.band, self.exptimes = windows, band, exptimes
        self.field, self.seed, self.options = field, seed, options
        if options.dithers is None and n > len(DITHERS):
            raise ValueError(
                f"{n} exposures need {n} dithers; give them, the default pattern has {len(DITHERS)}"
            )
        self.dithers = _pairs(DITHERS[:n] if options.dithers is None else options.dithers, n, "dithers")
        self.offsets = _pairs(np.zeros((n, 2)) if options.offsets is None else options.offsets, n, "offsets")
        self.rolls = _per_exposure(0.0 if options.rolls is None else options.rolls, n, "rolls")
        self.start = wcs.Pointing(options.ra, options.dec, options.orientation)
        self.plane = wcs.plane(self.start, windows)
        self.box = self._box()
        self.scene = scene.draw(field, self.box, band, options, _rng(seed, 0))
        self.faults = {w.chip: detector.build(w.shape, options, _rng(seed, 1, w.chip)) for w in windows}

    def _pointing(self, index, offset):
        dx, dy = self.dithers[index] + offset
        return self.start.moved(self.windows[0], dx, dy, self.rolls[index])

    def _box(self):
        """The part of the plane to fill: as much as usual dithers see, in coarse steps more."""

        def corners(pointing):
            for w in self.windows:
                rows, columns = w.shape
                view = wcs.SkyView(self.plane, pointing.wcs(w), w.shape)
                yield view.to_plane(np.array([0, columns, 0, columns]), np.array([0, 0, rows, rows]))

        first = np.concatenate(list(corners(self.start)))
        seen = [p for i in range(len(self.exptimes)) for p in corners(self._pointing(i, self.offsets[i]))]
        low, high = first.min(0) - _MARGIN, first.max(0) + _MARGIN
        seen = np.concatenate(seen)
        over = max((low + _MARGIN / 2 - seen.min(0)).max(), (seen.max(0) - high + _MARGIN / 2).max(), 0)
        over = _MARGIN * np.ceil(over / _MARGIN)
        return (*(low - over), *(high + over))

    def write(self, outdir, root, index):
        """Expose and write one exposure and its truth; return its path."""
        exptime, options, path = self.exptimes[index], self.options, outdir / f"{root}_flc.fits"
        claimed, true = self._pointing(index, 0.0), self._pointing(index, self.offsets[index])
        begin = headers.start_of(index, self.exptimes)
        seen = changes.scene_at(self.scene, self.box, options, (self.seed, 3), index)
        head = headers.primary(
            root,
            self.band,
            exptime,
            begin,
            self.windows,
            options,
            association=f"{options.root}010",
            index=index,
            roll=self.rolls[index],
        )
        hdus, truths = [fits.PrimaryHDU(header=head)], []
        for w in self.windows:
            view = wcs.SkyView(self.plane, true.wcs(w), w.shape)
            light, stars = scene.image(seen, w.shape, view, self.band, exptime)
            amps = detector.amplifiers(w.chip, w.shape[1], w.x0)
            made = _expose(
                light,
                stars,
                self.faults[w.chip],
                amps,
                self.band,
                exptime,
                options,
                _rng(self.seed, 2, index, w.chip),
            )
            sci = headers.science(root, w, claimed, self.band, made.dq)
            for name, data, header in (
                ("SCI", made.sci, sci),
                ("ERR", made.err, headers.plane_header(root, w, "ELECTRONS")),
                ("DQ", made.dq, headers.plane_header(root, w, "UNITLESS")),
            ):
                hdus.append(fits.ImageHDU(data, header, name=name, ver=w.extver))
            truths.append(
                truth.ChipTruth(w.extver, w.chip, made.cr, made.cr_charge, made.dq_clean, made.stars)
            )
        fits.HDUList(hdus).writeto(path, overwrite=True)
        truth.write_truth(path, truths, self.field)
        return path


def _expose(light, stars, faults, amps, band, exptime, options, rng):
    """Light to a `SimulatedChip`: photons, dark, cosmic rays, and the readout with and without the latter."""
    level = band.sky * exptime if options.sky is None else options.sky
    light += max(level, 0.0)
    light *= faults.sensitivity
    light += faults.dark * exptime
    electrons = rng.poisson(light).astype(np.float32)
    noise = rng.standard_normal(light.shape, dtype=np.float32), rng.random(light.shape, dtype=np.float32)
    clean = detector.read(electrons, faults, noise, exptime, amps, options)
    hit = clean
    if options.cosmic_rays:
        electrons += cosmic_rays.events(light.shape, exptime, options.cr_rate, rng)
        hit = detector.read(electrons, faults, noise, exptime, amps, options)
    if level < 0:
        for readout in {id(r): r for r in (clean, hit)}.values():
            readout.sci[...] += np.rint(level * detector.STEP) / detector.STEP
    charge = hit.sci - clean.sci
    cr = charge > np.maximum(truth.LIMIT_SIGMA * clean.err, truth.LIMIT_ELECTRONS)
    return SimulatedChip(hit.sci, hit.err, hit.dq, cr, charge, clean.dq, _catalogue(stars, clean))


def _catalogue(stars, clean):
    """The stars' table, with what the image without cosmic rays says of each."""
    out = np.zeros(stars.size, truth.STAR)
    for name in ("x", "y", "flux_e", "peak_e"):
        out[name] = stars[name]
    if stars.size:
        rows, columns = clean.sci.shape
        ix = np.rint(stars["x"]).astype(int).clip(0, columns - 1)
        iy = np.rint(stars["y"]).astype(int).clip(0, rows - 1)
        out["snr"] = stars["peak_e"] / clean.err[iy, ix]
        full = maximum_filter((clean.dq & dq.SATURATED) != 0, size=3)
        out["saturated"] = full[iy, ix]
    return out[np.argsort(out["flux_e"])[::-1]]


def _rng(*key):
    return np.random.default_rng([int(k) for k in key])


def _per_exposure(value, n, name):
    if not 1 <= n <= 26:
        raise ValueError(f"an association has 1 to 26 exposures, not {n}")
    values = (
        [float(v) for v in np.broadcast_to(value, (n,))] if np.ndim(value) == 0 else [float(v) for v in value]
    )
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} values for {n} exposures")
    return values


def _pairs(values, n, name):
    values = np.asarray(values, dtype=float)
    if values.shape != (n, 2):
        raise ValueError(f"{name} has the shape {values.shape}; {n} exposures need {n} pairs of pixels")
    return values
