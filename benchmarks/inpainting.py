"""How well hidden pixels are filled, against the simulator's image without cosmic rays.

    python benchmarks/inpainting.py [--quick] [--output DIR] [--trained WEIGHTS]

Per field and way of filling, over the pixels that cosmic rays hit: the mean absolute error in
units of the pixel's noise, sqrt(signal + 25 e-^2); the median error in the same unit; both
for pixels of light, more than ten sigma above the sky, too; and the root mean square error
in electrons. The image without cosmic rays has noise of its own, so 0.80 is the least that a
mean absolute error can be. Left out, as by the paper, are pixels with a DQ flag of their own,
and those within 7x7 of one above 70,000 e-.

Part `truth`: the mask is the simulator's. Part `model`: it is the global model's at 0.5, as
the step flags it. Part `astroscrappy`: it is the one that astroscrappy finds, and its own
replacements stand beside ours for the same pixels. All of it is simulated
(`acs_deepcr_step.simulate`) with seeds that no test, training or choice of a parameter has used.
"""

from dataclasses import dataclass

import common
import numpy as np
from astropy.stats import sigma_clipped_stats

from acs_deepcr_step import clean, inpaint, instruments, models, simulate
from acs_deepcr_step.flagging import guard

FIELDS = {"sparse": "F814W", "crowded": "F606W", "galaxies": "F435W"}
EXPTIME = 1000.0
FIRST_SEED = 91_000  # evaluation only
READ_NOISE = 5.0
BRIGHT_SIGMA = 10.0
# The settings of the deepCR papers.
LACOSMIC = {"sepmed": False, "niter": 4, "sigfrac": 0.3, "objlim": 2, "readnoise": READ_NOISE, "gain": 1.0}
REPLACEMENTS = ("medmask", "meanmask", "idw")


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes
    ----------
    rows, columns : int
        Of a chip.
    chips : int
        Of each field.
    """

    rows: int
    columns: int
    chips: int

    def __str__(self):
        return f"{self.chips} chips of {self.rows} x {self.columns} a field"


QUICK, FULL = Size(256, 256, 1), Size(1024, 1024, 3)


@dataclass(frozen=True, eq=False)
class Scene:
    """A simulated chip, and what is compared.

    Attributes
    ----------
    image, unhit : ndarray, (R, C), float32
        With and without cosmic rays.
    hit, use, bright : ndarray, (R, C), bool
        Pixels that cosmic rays hit; that count; that hold light of a source.
    """

    image: np.ndarray
    unhit: np.ndarray
    hit: np.ndarray
    use: np.ndarray
    bright: np.ndarray


@dataclass(frozen=True, eq=False)
class Filling:
    """One chip, filled.

    Attributes
    ----------
    scene : Scene
    mask : ndarray, (R, C), bool
        The pixels that were filled.
    filled : ndarray, (R, C), float32
        Electrons.
    """

    scene: Scene
    mask: np.ndarray
    filled: np.ndarray


def scenes(field, size):
    """Simulate the chips of a field.

    Parameters
    ----------
    field : str
    size : Size

    Returns
    -------
    list of Scene
    """
    first = FIRST_SEED + 100 * list(FIELDS).index(field)
    made = []
    for seed in range(first, first + size.chips):
        chip = simulate.chip((size.rows, size.columns), EXPTIME, FIELDS[field], field, seed)
        unhit, good = chip.sci - chip.cr_charge, chip.dq_clean == 0
        use = good & ~guard.near(unhit > instruments.ACS_WFC.full_well)
        bright = unhit > _sky_level(unhit[good]) + BRIGHT_SIGMA * noise(unhit)
        made.append(Scene(chip.sci, unhit, chip.cr, use, bright))
    return made


def _sky_level(electrons):
    clipping = {"sigma": 3, "maxiters": 3, "cenfunc": "median", "stdfunc": "mad_std"}
    _, median, _ = sigma_clipped_stats(electrons.astype(np.float64), **clipping)
    return median


def noise(unhit):
    """Return the noise of pixels by their signal, electrons."""
    return np.sqrt(np.maximum(unhit, 0) + READ_NOISE**2)


def row(field, way, fillings):
    """Return a row of a table.

    Parameters
    ----------
    field, way : str
    fillings : list of Filling
        Of all chips of the field.

    Returns
    -------
    dict
    """
    sigmas, electrons, bright = [], [], []
    for filling in fillings:
        scene = filling.scene
        where = filling.mask & scene.hit & scene.use
        error = (filling.filled - scene.unhit)[where]
        electrons.append(error)
        sigmas.append(error / noise(scene.unhit)[where])
        bright.append(scene.bright[where])
    sigmas, electrons, bright = (np.concatenate(a).astype(float) for a in (sigmas, electrons, bright))
    light = sigmas[bright > 0] if bright.any() else np.array([np.nan])
    return {
        "field": field,
        "filled_by": way,
        "pixels": sigmas.size,
        "mae_sigma": float(np.abs(sigmas).mean()),
        "bias_sigma": float(np.median(sigmas)),
        "pixels_of_light": int(bright.sum()),
        "mae_sigma_light": float(np.abs(light).mean()),
        "bias_sigma_light": float(np.median(light)),
        "rms_e": float(np.sqrt((electrons**2).mean())),
    }


def ways(trained):
    """Return our ways of filling by name, and that of trained weights if there are any."""
    made = {name: inpaint.Inpainter(name, precision="float32") for name in models.names("inpaint")}
    made[models.MEDMASK] = inpaint.Inpainter(models.MEDMASK)
    if trained:
        made["trained here"] = inpaint.Inpainter(trained, precision="float32")
    return made


def truth(size, trained):
    """Return the table with the simulator's masks."""
    return _filled(size, trained, lambda scene: scene.hit, "mask: the simulator's")


def model(size, trained):
    """Return the table with the masks of the global model."""
    return _filled(
        size, trained, lambda scene: clean(scene.image, inpaint=None)[0], "mask: the global model's at 0.5"
    )


def _filled(size, trained, find, note):
    """Return the table with the masks that a function finds."""
    rows = []
    for field in FIELDS:
        chips = scenes(field, size)
        rows += _our_rows(field, chips, [find(scene) for scene in chips], trained)
    return common.table(rows, [_note(size), note])


def _our_rows(field, chips, masks, trained):
    return [
        row(
            field,
            name,
            [Filling(s, mask, way.fill(s.image, mask)) for s, mask in zip(chips, masks, strict=True)],
        )
        for name, way in ways(trained).items()
    ]


def astroscrappy(size, trained):
    """Return the table with the masks of astroscrappy."""
    from astroscrappy import detect_cosmics

    rows = []
    for field in FIELDS:
        chips = scenes(field, size)
        found = {
            kind: [Filling(s, *detect_cosmics(s.image, cleantype=kind, **LACOSMIC)) for s in chips]
            for kind in REPLACEMENTS
        }
        for kind, fillings in found.items():
            rows.append(row(field, f"astroscrappy {kind}", fillings))
        rows += _our_rows(field, chips, [filling.mask for filling in found["medmask"]], trained)
    return common.table(rows, [_note(size), "mask: astroscrappy's; our ways fill its mask with medmask"])


def _note(size):
    filters = ", ".join(f"{field} {band}" for field, band in FIELDS.items())
    return f"simulated, {EXPTIME:g} s, {size} ({filters})"


def main():
    """Print the tables and write them."""
    parser = common.parser(__doc__, ("truth", "model", "astroscrappy"), repeats=1)
    parser.add_argument("--trained", help="weights trained by 'acs-deepcr inpaint', to be measured too")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    parts = {
        "truth": lambda: truth(size, arguments.trained),
        "model": lambda: model(size, arguments.trained),
        "astroscrappy": lambda: astroscrappy(size, arguments.trained),
    }
    common.measure("inpainting", parts, arguments)


if __name__ == "__main__":
    main()
