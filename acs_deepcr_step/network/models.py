"""The published models by name, and weights of one's own by path.

The weights come inside the deepCR package, which is located but never imported:
none of its code runs. A known file must have the known SHA-256; any other file
must hold exactly the tensors of a batch-normalised U-Net, all finite.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import ModelError
from . import weights_file

__all__ = [
    "AUTO", "GLOBAL", "INPAINT", "KINDS", "MEDMASK", "Model", "ModelInfo", "for_filter", "info", "load",
    "names", "published_folder",
]  # fmt: skip

KINDS = ("mask", "inpaint")
AUTO = "auto"
GLOBAL = "ACS-WFC"
INPAINT = "ACS-WFC-F606W-2-32"
MEDMASK = "medmask"  # no network: the median of the good pixels around

_CITATION = "Kwon, Zhang & Bloom 2021 (deepCR-ACS/WFC); Zhang & Bloom 2020, ApJ 889, 24"
_CITATION_2020 = "Zhang & Bloom 2020, ApJ 889, 24"

# Largest weights file that is opened at all; the published ones are below 1 MB.
_MAX_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model without opening it.

    Attributes
    ----------
    name : str
    file : str
        Path of the weights below deepCR's folder of models, or the user's path.
    sha256 : str
        Of the file, 64 hex digits.
    kind : str
        ``mask`` or ``inpaint``.
    levels, hidden : int
        Shape of the U-Net, as in the paper's names ("2-32").
    scale : float
        The image in electrons is divided by this before the network sees it.
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
    kind: str = "mask"
    levels: int = 2
    hidden: int = 32
    scale: float = 1.0
    filter: str = ""
    threshold: float = 0.5
    aliases: tuple[str, ...] = ()
    licence: str = "BSD-3-Clause"
    citation: str = _CITATION

    @property
    def in_channels(self):
        """Channels of the input: the image, and for inpainting the mask too."""
        return 2 if self.kind == "inpaint" else 1


@dataclass(frozen=True)
class Model:
    """A model with its weights.

    Attributes
    ----------
    info : ModelInfo
    state : Mapping of str to torch.Tensor
        State dictionary of `acs_deepcr_step.network.unet.UNet`, float32 on the CPU.
    """

    info: ModelInfo
    state: Mapping = field(repr=False, compare=False, hash=False)


def _filter_model(name, digest):
    model = f"ACS-WFC-{name}"
    return ModelInfo(model, f"mask/{model}.pth", digest, filter=name, aliases=(f"{model}-2-32",))


def _inpaint_model(levels, digest):
    model = f"ACS-WFC-F606W-{levels}-32"
    return ModelInfo(
        model, f"inpaint/{model}.pth", digest, "inpaint", levels, filter="F606W", citation=_CITATION_2020
    )


_KNOWN = (
    ModelInfo(
        GLOBAL,
        "mask/ACS-WFC.pth",
        "0075cef7a8b72f3ecf449cac3793d3446720a97fc0ba812fb29863a9be1e7ace",
        aliases=("ACS-WFC-2-32",),
    ),
    _filter_model("F435W", "27d351ce310491f70964bd8a30a5579322e064edd63f5726a68d7f4129551d85"),
    _filter_model("F606W", "704dfcf91c3b4d7984b113236017c8b1ef6edbeca2fc54a7739a082c2f1e19f3"),
    _filter_model("F814W", "fc6bf85042dd9d54cf7f81636ff6921a1ae3d118fb5f4fd7c7ca1b164499d14b"),
    ModelInfo(
        "ACS-WFC-F606W-2-4",
        "mask/ACS-WFC-F606W-2-4.pth",
        "91fd387be08dfb2692fc3433566455812c42fae53fa6ec4ad19c384b68bce775",
        hidden=4,
        scale=100.0,
        filter="F606W",
        citation=_CITATION_2020,
    ),
    _inpaint_model(2, "2a754380bfe158a1cfeee12f908f96a2bd5b59cbb7b830a4d06dad930d906111"),
    _inpaint_model(3, "5b4faf2e239185c2d5d4235688ce61a2b9e4e5f47bbcf96c8a687b5a0c1e6c42"),
)
# The paper uses one name, ACS-WFC-F606W-2-32, for a mask model and for an inpainting model.
_BY_NAME = {(known.kind, alias): known for known in _KNOWN for alias in (known.name, *known.aliases)}


def names(kind="mask"):
    """Return the names of the published models of a kind, its default one first.

    Parameters
    ----------
    kind : {'mask', 'inpaint'}

    Returns
    -------
    list of str
    """
    return [known.name for known in _KNOWN if known.kind == kind]


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
    try:
        return _BY_NAME[kind, str(name)]
    except KeyError:
        others = repr(AUTO) if kind == "mask" else repr(MEDMASK)
        raise ModelError(
            f"There is no {kind} model {name!r}: give one of {', '.join(names(kind))}, "
            f"{others}, or the path of a weights file."
        ) from None


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


def load(name, kind="mask"):
    """Load a model with its weights, on the CPU.

    Parameters
    ----------
    name : str, path or Model
        A published name or alias, or the path of a file of weights: safetensors that
        ``acs-deepcr train`` wrote, or PyTorch weights with the keys of the published
        ones. A `Model` is returned as it is.
    kind : {'mask', 'inpaint'}
        Of the published model that is meant by a name; what a path holds is told by
        the `ModelInfo.kind` of the result.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the name is unknown, the file is missing, is not a file of weights of
        such a network, holds values that are not finite, or is not the published
        file of that name.
    """
    if isinstance(name, Model):
        return name
    if (kind, str(name)) in _BY_NAME:
        known = _BY_NAME[kind, str(name)]
        path = published_folder() / known.file
        content = _read(path)
        if hashlib.sha256(content).hexdigest() != known.sha256:
            raise ModelError(
                f"{path} is not the published file of model {known.name} (its SHA-256 differs): "
                "reinstall deepCR==0.3.1, or give your own weights by their path."
            )
        return Model(known, _checked_state(path, content, known)[1])
    path = Path(name).expanduser()
    if not path.suffix and not path.exists():
        info(name, kind)  # not a path either: name the models there are
    content = _read(path)
    digest = hashlib.sha256(content).hexdigest()
    for known in _KNOWN:
        if known.sha256 == digest:
            return Model(known, _checked_state(path, content, known)[1])
    return Model(*_checked_state(path, content, ModelInfo(path.name, str(path), digest, citation="")))


def published_folder():
    """Return the folder of deepCR's weights, found without running any of its code.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ModelError
        If deepCR is not installed.
    """
    found = importlib.util.find_spec("learned_models")
    for folder in (found.submodule_search_locations or ()) if found else ():
        return Path(folder)
    raise ModelError(
        "The published weights are not installed: install them with 'pip install deepCR==0.3.1' "
        "(only the weights are used), or give your own weights by their path."
    )


def _read(path):
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ModelError(f"{path} is too large ({size} bytes) to be the weights of such a network.")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The weights {path} cannot be read ({error.strerror or error}): check the path, "
            f"or give one of {', '.join(names())}."
        ) from error


def _checked_state(path, content, info):
    """Weights as a plain dictionary, and the info with the architecture they have."""
    state, described = weights_file.parse(path, content)
    if described is not None:
        info = replace(
            info, scale=float(described.scale), filter=described.filter, threshold=float(described.threshold)
        )
    info = _with_architecture(path, state, info)
    if described is not None:
        _check_described(path, info, described)
    _check_tensors(path, state, info)
    return info, {key: value.float() for key, value in state.items()}


def _check_described(path, info, described):
    """Refuse weights whose metadata tell of another network."""
    for name in ("kind", "levels", "hidden"):
        if getattr(info, name) != getattr(described, name):
            raise ModelError(
                f"The metadata of {path} say {name} {getattr(described, name)}, its weights have "
                f"{getattr(info, name)}: copy or train the weights again."
            )


def _with_architecture(path, state, info):
    """Return the info with levels, hidden channels and kind read off the tensors."""
    first = state.get("inc.conv.conv.0.weight")
    if first is None or first.dim() != 4 or first.shape[1] not in (1, 2):
        raise ModelError(
            f"{path} holds no weights of a deepCR U-Net with batch normalisation "
            "(tensor 'inc.conv.conv.0.weight' is missing or of another shape)."
        )
    levels = 1 + sum(f"down{level}.mpconv.1.conv.0.weight" in state for level in range(1, 9))
    kind = "inpaint" if first.shape[1] == 2 else "mask"
    return replace(info, levels=levels, hidden=int(first.shape[0]), kind=kind)


def _check_tensors(path, state, info):
    """Refuse weights whose keys, shapes or values are not those of the network."""
    import torch

    from .unet import Architecture, UNet

    with torch.device("meta"):
        expected = UNet(Architecture(info.levels, info.hidden, info.in_channels)).state_dict()
    faults = [f"{key} is missing" for key in expected.keys() - state.keys()]
    faults += [f"{key} is unknown" for key in state.keys() - expected.keys()]
    for key in expected.keys() & state.keys():
        if state[key].shape != expected[key].shape:
            faults.append(f"{key} is {tuple(state[key].shape)}, not {tuple(expected[key].shape)}")
        elif not bool(torch.isfinite(state[key].float()).all()):
            faults.append(f"{key} has values that are not finite")
        elif key.endswith("running_var") and bool((state[key] < 0).any()):
            faults.append(f"{key} has negative variances")
    if faults:
        shown = "; ".join(sorted(faults)[:3]) + ("; ..." if len(faults) > 3 else "")
        raise ModelError(f"{path} does not hold the weights of a {info.levels}-{info.hidden} U-Net: {shown}.")
