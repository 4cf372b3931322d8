"""What is known of the models that have a name, without opening their weights. Loads no PyTorch.

The weights are in the folder ``weights/``. The published ones are there with deepCR's licence: made from
those of deepCR 0.3.1 by ``tools/convert_weights.py``. ``ACS-WFC-fast`` is by ``tools/make_fast_model.sh``.
"""

from dataclasses import dataclass
from pathlib import Path

from ..config.specification import shown
from ..errors import ModelError, ParameterError

__all__ = [
    "AUTO", "FAST", "FOLDER", "GLOBAL", "INPAINT", "KINDS", "KNOWN", "MEDMASK", "ModelInfo", "find",
    "for_filter", "info", "names",
]  # fmt: skip

FOLDER = Path(__file__).with_name("weights")

KINDS = ("mask", "inpaint")
AUTO = "auto"
GLOBAL = "ACS-WFC"
FAST = "ACS-WFC-fast"
INPAINT = "ACS-WFC-F606W-2-32"
MEDMASK = "medmask"  # no network: the median of the good pixels around

_CITATION = "Kwon, Zhang & Bloom 2021 (deepCR-ACS/WFC); Zhang & Bloom 2020, ApJ 889, 24"
_CITATION_2020 = "Zhang & Bloom 2020, ApJ 889, 24"
_CITATION_UVIS = "Chen, Zhang, Williams & Durbin 2024, ApJ 962, 7; Zhang & Bloom 2020, ApJ 889, 24"
_CITATION_FAST = f"this package; it learnt from ACS-WFC: {_CITATION}"

_DIGITS = 16  # of a hash in a header


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model without opening it.

    Attributes
    ----------
    name : str
    file : str
        Path of the weights below `FOLDER`, or the user's path.
    sha256 : str
        Identifies the model, 64 hex digits: of the names, shapes and float32 values of its
        tensors, and of how its input is scaled (`weights_file.identity`). It is the same in
        whatever file they are.
    file_sha256 : str
        Of the file: of a published model, the one in deepCR 0.3.1; of another one, the one that
        was given; empty for `FAST`. Mask files name weights by it.
    published : bool
        Whether it is one of the models that come with the package.
    kind : str
        ``mask`` or ``inpaint``.
    levels, hidden : int
        Shape of the U-Net, as in the paper's names ("2-32").
    norm : bool
        Whether its convolutions are followed by batch normalisation.
    scale : float
        The image in electrons is divided by this before the network sees it.
    standardise : bool
        Whether the mean of the whole image is then subtracted, and its standard deviation
        divided by.
    compression : str
        How its input is compressed instead (`scaling`): ``asinh``, or empty.
    detector : str
        The detector whose exposures trained it; empty where that is not known.
    simulated : bool
        Whether these exposures were simulated.
    filter : str
        The filter whose exposures trained it; empty for the global model.
    threshold : float
        Recommended probability threshold.
    aliases : tuple of str
        Other names, among them those of the paper.
    licence, citation : str
    """

    name: str
    file: str
    sha256: str
    file_sha256: str = ""
    published: bool = False
    kind: str = "mask"
    levels: int = 2
    hidden: int = 32
    norm: bool = True
    scale: float = 1.0
    standardise: bool = False
    compression: str = ""
    detector: str = ""
    simulated: bool = False
    filter: str = ""
    threshold: float = 0.5
    aliases: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""

    @property
    def in_channels(self):
        """Channels of the input: the image, and for inpainting the mask too."""
        return 2 if self.kind == "inpaint" else 1

    @property
    def trained_on(self):
        """Whose exposures trained it, for tables."""
        return f"{'simulated ' if self.simulated else ''}{self.detector}"

    @property
    def from_deepcr(self):
        """Whether its weights are deepCR's."""
        return self.published and bool(self.file_sha256)

    @property
    def input_scale(self):
        """How electrons are scaled, in a few characters for tables."""
        if self.compression:
            return self.compression
        return "(x - mean) / std" if self.standardise else f"{self.scale:g}"

    @property
    def hashes(self):
        """What headers call the weights (DCRHASH, 16 digits); the first is what new ones say.

        Of a published model that is the hash of deepCR's file, as it always was; of another one the
        model's identity, while earlier versions wrote the hash of the file.
        """
        both = (self.file_sha256, self.sha256) if self.from_deepcr else (self.sha256, self.file_sha256)
        return tuple(digits[:_DIGITS] for digits in both if digits)

    def is_hash(self, digits):
        """Return whether a hash, of 16 digits as in headers or more, is this model's."""
        return str(digits)[:_DIGITS] in self.hashes


def _model(name, kind, sha256, file_sha256, **more):
    facts = {"detector": "ACS/WFC", "licence": "BSD-3-Clause", "citation": _CITATION, **more}
    return ModelInfo(name, f"{kind}/{name}.safetensors", sha256, file_sha256, True, kind, **facts)


def _filter_model(band, sha256, file_sha256):
    name = f"ACS-WFC-{band}"
    return _model(name, "mask", sha256, file_sha256, filter=band, aliases=(f"{name}-2-32",))


def _inpaint_model(levels, sha256, file_sha256):
    name = f"ACS-WFC-F606W-{levels}-32"
    return _model(
        name, "inpaint", sha256, file_sha256, levels=levels, filter="F606W", citation=_CITATION_2020
    )


KNOWN = (
    _model(
        GLOBAL,
        "mask",
        "76aa94942af04c90a2525d3e52c4afa9f1a9252dde5234ac8a9965c5f00f51d7",
        "0075cef7a8b72f3ecf449cac3793d3446720a97fc0ba812fb29863a9be1e7ace",
        aliases=("ACS-WFC-2-32",),
    ),
    _filter_model(
        "F435W",
        "05565dbc4ec4377e316d8ae1fe9ba318cb4ee119d3474db0f10faffa3a0395de",
        "27d351ce310491f70964bd8a30a5579322e064edd63f5726a68d7f4129551d85",
    ),
    _filter_model(
        "F606W",
        "4bea4bf215ce7592f7354c22deebaa70f8651741b317da1c5597705288e0a658",
        "704dfcf91c3b4d7984b113236017c8b1ef6edbeca2fc54a7739a082c2f1e19f3",
    ),
    _filter_model(
        "F814W",
        "68584ffb25219b6ed481f2245182d047335dc85c9a5f78966de9164118143f28",
        "fc6bf85042dd9d54cf7f81636ff6921a1ae3d118fb5f4fd7c7ca1b164499d14b",
    ),
    _model(
        "ACS-WFC-F606W-2-4",
        "mask",
        "aa35f65e32decb40243869ecd67befb6781c4db74c93b282c53d0198d7fc15d2",
        "91fd387be08dfb2692fc3433566455812c42fae53fa6ec4ad19c384b68bce775",
        hidden=4,
        scale=100.0,
        filter="F606W",
        citation=_CITATION_2020,
    ),
    # Learnt from GLOBAL, in this project; taken only where it is asked for.
    _model(
        FAST,
        "mask",
        "829bcc80720966ffa115c5d1565b20e629efe056698a414dccb3ec40867e8ba2",
        "",
        levels=3,
        hidden=8,
        compression="asinh",
        simulated=True,
        citation=_CITATION_FAST,
    ),
    # For all filters. Its authors recommend thresholds of 0.1 to 0.2.
    _model(
        "WFC3-UVIS",
        "mask",
        "597054704510543ac8118057e372b1752a3da8f6556bee8d535489496a0a2533",
        "92ad8d3231a0427c6fa6d9b39501549edc15fd1eb1162e028e2cf1711b2f59cd",
        norm=False,
        standardise=True,
        detector="WFC3/UVIS",
        threshold=0.1,
        citation=_CITATION_UVIS,
    ),
    _inpaint_model(
        2,
        "e0447ea1b546693d364c5787c98e1f824c6a2cb2bb871e3d6834a15819150ccb",
        "2a754380bfe158a1cfeee12f908f96a2bd5b59cbb7b830a4d06dad930d906111",
    ),
    _inpaint_model(
        3,
        "9db4a15d564f85e7dfdbeefdfbd3bc9cc282f7283e5eac9d9d62e4898061362c",
        "5b4faf2e239185c2d5d4235688ce61a2b9e4e5f47bbcf96c8a687b5a0c1e6c42",
    ),
)
# The paper uses one name, ACS-WFC-F606W-2-32, for a mask model and for an inpainting model.
_BY_NAME = {(known.kind, alias): known for known in KNOWN for alias in (known.name, *known.aliases)}


def names(kind="mask", detector=None):
    """Return the names of the published models of a kind, its default one first.

    Parameters
    ----------
    kind : {'mask', 'inpaint'}
    detector : str, optional
        Only those that its exposures trained, e.g. ``ACS/WFC``; all by default.

    Returns
    -------
    list of str

    Raises
    ------
    ParameterError
        If there is no such kind.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ParameterError(f"kind = {shown(kind)}: it must be {' or '.join(KINDS)}.")
    return [known.name for known in KNOWN if known.kind == kind and detector in (None, known.detector)]


def find(name, kind="mask"):
    """Return what is known about a published model, or None where there is none of that name.

    Parameters
    ----------
    name, kind : str
        As for `info`.

    Returns
    -------
    ModelInfo or None
    """
    return _BY_NAME.get((kind, str(name)))


def info(name, kind="mask"):
    """Return what is known about a published model.

    Parameters
    ----------
    name : str
        A name from `names`, or an alias such as the paper's ``ACS-WFC-2-32``.
    kind : {'mask', 'inpaint'}
        What the model is for: ``ACS-WFC-F606W-2-32`` is one of either kind.

    Returns
    -------
    ModelInfo

    Raises
    ------
    ModelError
        If there is no such model.
    """
    known = find(name, kind)
    if known is None:
        others = repr(AUTO) if kind == "mask" else repr(MEDMASK)
        raise ModelError(
            f"There is no {kind} model {name!r}: give one of {', '.join(names(kind))}, "
            f"{others}, or the path of a weights file."
        )
    return known


def for_filter(filter_name):
    """Return the name of the model for a filter: its own, else the global one.

    Parameters
    ----------
    filter_name : str
        As in the exposure's header, e.g. ``F606W``.

    Returns
    -------
    str
    """
    own = f"ACS-WFC-{filter_name}"
    return own if own in names() else GLOBAL
