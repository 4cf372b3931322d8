"""The simulator's cosmic rays beside real ones: size, charge, length, width, sharpness.

    python benchmarks/cosmic_rays.py UVIS [--stis o4k19a010_flt.fits] [--plot PNG] [--fit] [--seed 100]

UVIS holds the eight exposures of ``uvis_truth.py``, --stis is the pair of ``stis_truth.py``; there the
real truth is explained. Simulated frames hold the charge of cosmic rays and noise of the scatter that the
real ones have, and their truth is made in the same way from as many exposures. Printed are the 5th, 25th,
50th, 75th and 95th percentile of each measure (``event_shapes.Event``) and the Kolmogorov-Smirnov distance
from the real events; chance makes more than 0.045 of equal distributions one time in ten, and more than
0.055 where half of the events are compared. "fitted" and "kept back": the distances of version 2 from the
UVIS exposures that it was fitted to (the first, third, fifth and seventh) and from the others; "the halves":
those of these two from each other. --fit makes that fit again, in minutes: the five numbers of
``simulate.silicon`` by least sum of squared distances.

What the global network makes of the frames was no part of the fit: TPR and FPR at 0.5, TPR at an FPR of
0.05 %, and the share of the pixels that are true.
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import event_shapes
import numpy as np
import stis_truth
import uvis_truth
from real_truth import count_events, grown, score
from scipy.optimize import minimize

from acs_deepcr_step import detect
from acs_deepcr_step.simulate import cosmic_rays, silicon

PERCENTILES = (5, 25, 50, 75, 95)
_ROUNDS = 3  # times as many simulated frames as real ones
_LOW_FPR = 5e-4
_STIS_READ_NOISE = 3.99


@dataclass(frozen=True, eq=False)
class Frame:
    """One exposure, real or simulated, with its truth by comparison.

    Attributes
    ----------
    image : ndarray, (R, C), float32
        Electrons.
    excess : ndarray, (R, C)
        What it has more than the others.
    truth, use : ndarray, (R, C), bool
        Pixels that a cosmic ray hit, and pixels that count.
    """

    image: np.ndarray
    excess: np.ndarray
    truth: np.ndarray
    use: np.ndarray

    @property
    def events(self):
        """A list of `event_shapes.Event`."""
        return event_shapes.measured(self.excess, self.truth, self.use)


class Uvis:
    """The eight exposures: each is compared with the median of the others."""

    camera, exptime = "WFC3/UVIS", 200.0
    rate = 1.5  # per second and cm2: as many events as there are real ones

    @classmethod
    def read(cls, directory):
        """Return the real exposures, a list of `Frame`."""
        with tempfile.TemporaryDirectory() as folder:
            read = uvis_truth.read_exposures(uvis_truth.unpack(directory, folder))
        excess = _of_others([one.electrons for one in read])
        return [Frame(one.electrons, e, one.truth, one.use) for one, e in zip(read, excess, strict=True)]

    @classmethod
    def compare(cls, images):
        """Return simulated exposures, a list of `Frame`."""
        levelled, made = _levelled(images), []
        for number, (image, excess) in enumerate(zip(images, _of_others(images), strict=True)):
            sigmas = uvis_truth.significance(levelled, number)
            high = sigmas > uvis_truth.GROW_SIGMA
            truth = grown(sigmas > uvis_truth.SEED_SIGMA, high)
            made.append(Frame(image, excess, truth, truth | ~high))
        return made


class Stis:
    """The pair: each is compared with the other."""

    camera, exptime = "STIS/CCD", 150.0
    rate = 0.9

    @classmethod
    def read(cls, path):
        """Return the real exposures, a list of `Frame`."""
        first, second = stis_truth.read_pair(path)
        difference = first.electrons - second.electrons
        difference -= np.median(difference[first.use])
        return [
            Frame(one.electrons, sign * difference, one.truth, one.use)
            for one, sign in ((first, 1), (second, -1))
        ]

    @classmethod
    def compare(cls, images):
        """Return simulated exposures, a list of `Frame`."""
        first, second = images
        use = np.ones(first.shape, bool)
        sigmas = stis_truth.significance(first, second, _STIS_READ_NOISE, use)
        return [
            Frame(image, sign * (first - second), stis_truth.hits(sign * sigmas, use), use)
            for image, sign in ((first, 1), (second, -1))
        ]


def _levelled(images):
    return np.stack([image - np.median(image) for image in images])


def _of_others(images):
    levelled = _levelled(images)
    return [
        frame - np.median(np.delete(levelled, number, axis=0), axis=0)
        for number, frame in enumerate(levelled)
    ]


def simulated(camera, real, chip, seed, rounds=_ROUNDS):
    """Simulate exposures like real ones.

    Parameters
    ----------
    camera : Uvis or Stis
    real : list of Frame
        They tell level and scatter.
    chip : silicon.Silicon
    seed : int
    rounds : int
        How many times as many exposures as the real ones.

    Returns
    -------
    list of Frame
    """
    rng, shape = np.random.default_rng(seed), real[0].image.shape
    level = np.mean([np.median(one.image) for one in real])
    scatter = np.mean([1.4826 * np.median(np.abs(one.image - np.median(one.image))) for one in real])
    made = []
    for _ in range(rounds):
        images = [
            cosmic_rays.charge(shape, camera.exptime, camera.rate, rng, chip)
            + (level + scatter * rng.normal(size=shape)).astype(np.float32)
            for _ in real
        ]
        made += camera.compare(images)
    return made


def _events(frames):
    return [event for one in frames for event in one.events]


def fit(real, seed):
    """Fit the silicon of version 2 to every second exposure of UVIS, and print it.

    Parameters
    ----------
    real : list of Frame
    seed : int
    """
    aim, start = _events(real[::2]), silicon.of(2, Uvis.camera)
    names = ("depth_um", "front", "back", "depleted", "slow")
    first = np.array([getattr(start, name) for name in names])

    def cost(numbers):
        if not (numbers > 0).all() or max(numbers[3:]) >= 1:
            return np.inf
        chip = replace(start, **dict(zip(names, map(float, numbers), strict=True)))
        apart = event_shapes.distances(aim, _events(simulated(Uvis, real, chip, seed, rounds=1)))
        return sum(distance**2 for distance in apart)

    simplex = first * (1 + np.vstack([np.zeros(5), 0.15 * np.eye(5)]))
    found = minimize(cost, first, method="Nelder-Mead", options={"maxfev": 60, "initial_simplex": simplex})
    print("fitted:", ", ".join(f"{name} {number:.3f}" for name, number in zip(names, found.x, strict=True)))


def compare(camera, real, seed):
    """Print real and simulated events side by side.

    Parameters
    ----------
    camera : Uvis or Stis
    real : list of Frame
    seed : int

    Returns
    -------
    dict of str to list of event_shapes.Event
    """
    frames, pixel_um = {"real": real}, silicon.of(2, camera.camera).pixel_um
    for version in silicon.VERSIONS:
        chip = replace(silicon.of(version, camera.camera), pixel_um=pixel_um)
        frames[f"version {version}"] = simulated(camera, real, chip, seed)
    sets = {name: _events(its) for name, its in frames.items()}
    count = sum(count_events(one.truth) for one in real)
    print(
        f"\n{camera.camera}: {count} real events, of which these are alone and away from what does not count:"
    )
    print(", ".join(f"{name} {len(its)}" for name, its in sets.items()))
    print(f"{'measure':10s} {'events':10s}", *(f"{p:>8d}%" for p in PERCENTILES), "distance")
    apart = {name: event_shapes.distances(sets["real"], its) for name, its in sets.items()}
    for column, measure in enumerate(event_shapes.MEASURES):
        for name, its in sets.items():
            row = np.percentile(event_shapes.values(its)[:, column], PERCENTILES)
            print(f"{measure:10s} {name:10s}", *(f"{v:9.3f}" for v in row), f"{apart[name][column]:8.3f}")
    if camera is Uvis:
        _print_halves(real, sets["version 2"])
    for name, its in frames.items():
        print("network on {:10s} TPR {:.4f} FPR {:.2e} TPR at 0.05 % {:.4f} true {:.2e}".format(
            name, *np.mean([_network(one) for one in its], axis=0)))  # fmt: skip
    return sets


def _print_halves(real, events):
    fitted, kept_back = _events(real[::2]), _events(real[1::2])
    pairs = {
        "fitted": (fitted, events), "kept back": (kept_back, events), "the halves": (fitted, kept_back),
    }  # fmt: skip
    for name, pair in pairs.items():
        apart = event_shapes.distances(*pair)
        print(f"{name:10s}", *(f"{m} {d:.3f}" for m, d in zip(event_shapes.MEASURES, apart, strict=True)))


def _network(frame):
    """Return TPR and FPR at 0.5, TPR at a low FPR, and the share of true pixels."""
    probability = detect.probability(frame.image, precision="float32")
    tpr, fpr = score(detect.mask(probability, 0.5), frame.truth, frame.use)
    clean = np.sort(probability[frame.use & ~frame.truth])[::-1]
    at_low = float((probability[frame.truth & frame.use] > clean[int(_LOW_FPR * clean.size)]).mean())
    return tpr, fpr, at_low, float(frame.truth[frame.use].mean())


def draw(path, cameras):
    """Draw the cumulative distributions of all measures.

    Parameters
    ----------
    path : path-like
        The picture, PNG.
    cameras : dict of str to dict of str to list of event_shapes.Event
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    measures = [m for m in event_shapes.MEASURES if m != "peak"]
    figure, axes = pyplot.subplots(
        len(cameras), len(measures), figsize=(15, 2.7 * len(cameras)), squeeze=False, layout="constrained"
    )
    styles = {"real": ("black", "-"), "version 1": ("tab:red", ":"), "version 2": ("tab:blue", "--")}
    for row, (camera, sets) in zip(axes, cameras.items(), strict=True):
        for axis, measure in zip(row, measures, strict=True):
            column = event_shapes.MEASURES.index(measure)
            for name, events in sets.items():
                its = np.sort(event_shapes.values(events)[:, column])
                colour, line = styles[name]
                axis.plot(its, np.arange(1, its.size + 1) / its.size, line, color=colour, label=name)
            real = event_shapes.values(sets["real"])[:, column]
            axis.set(xlabel=measure, xlim=np.percentile(real, (0.5, 98)), ylim=(0, 1))
            if measure == "charge":
                axis.set(xscale="log", xlim=(300, 5e4), xlabel="charge, e-")
        row[0].set_ylabel(f"{camera}\nshare of the events below")
    axes[0, 0].legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=80)


def main():
    """Print the comparison and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("uvis", type=Path, metavar="UVIS", help="directory with the eight exposures")
    parser.add_argument("--stis", type=Path, metavar="FITS", help="the pair")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument("--fit", action="store_true", help="fit version 2 again first, in minutes")
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    real = Uvis.read(options.uvis)
    if options.fit:
        fit(real, options.seed)
    cameras = {Uvis.camera: compare(Uvis, real, options.seed)}
    if options.stis:
        cameras[Stis.camera] = compare(Stis, Stis.read(options.stis), options.seed)
    if options.plot:
        draw(options.plot, cameras)


if __name__ == "__main__":
    main()
