"""Loads models: the published ones by name, and weights of one's own by path.

The published weights come with this package. They must have the tensors that are known by
their hash; any other file must hold exactly the tensors of such a U-Net, all finite.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..config.arguments import TEXT, Kind, checked
from ..errors import ModelError
from ..regular_file import require_regular
from . import weights_file
from .published import (
    AUTO,
    FOLDER,
    GLOBAL,
    INPAINT,
    KINDS,
    KNOWN,
    MEDMASK,
    ModelInfo,
    find,
    for_filter,
    info,
    names,
)

__all__ = [
    "AUTO", "GLOBAL", "INPAINT", "KINDS", "MEDMASK", "MODEL", "Model", "ModelInfo", "for_filter", "info",
    "load", "names",
]  # fmt: skip

# Largest weights file that is opened at all; the published ones are below 2 MB.
_MAX_BYTES = 512 * 1024 * 1024


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


# What functions take for a model.
MODEL = Kind(
    "the name of a model, the path of weights, or a loaded model",
    lambda value: isinstance(value, Model | str | os.PathLike),
)


@checked(name=MODEL, kind=TEXT)
def load(name, kind="mask"):
    """Load a model with its weights, on the CPU.

    Parameters
    ----------
    name : str, path or Model
        A published name or alias, or the path of a file of weights: safetensors that
        ``acs-deepcr train`` wrote, or PyTorch weights with the keys of the published
        ones. A `Model` is returned as it is.
    kind : {'mask', 'inpaint'}
        Of the published model that is meant by a name; what a path holds is read from
        the `ModelInfo.kind` of the result.

    Returns
    -------
    Model
        A published one, if the weights are its own, in whatever file they are.

    Raises
    ------
    ModelError
        If the name is unknown, the file is missing, is not a file of weights of
        such a network, holds values that are not finite, or is not the published
        model of that name.
    """
    if isinstance(name, Model):
        return name
    known = find(name, kind)
    if known is not None:
        return Model(known, _packaged_state(known))
    path = Path(name).expanduser()
    if not path.suffix and not os.path.exists(path):
        info(name, kind)  # not a path either: name the models there are
    return _from_path(path, _read(path))


def _packaged_state(known):
    """Weights of a published model, from its file in this package."""
    path = FOLDER / known.file
    try:
        state, _ = weights_file.parse(path, _read(path))
    except ModelError as error:
        raise ModelError(
            f"The weights of model {known.name} are missing or damaged ({error}): reinstall acs_deepcr_step."
        ) from error
    if weights_file.identity(weights_file.fingerprint(state), known) != known.sha256:
        raise ModelError(
            f"{path} does not hold the published weights of model {known.name} (their SHA-256 differs): "
            "reinstall acs_deepcr_step, or give your own weights by their path."
        )
    return _plain(path, state)


def _from_path(path, content):
    """Return the model that a file of weights holds: a published one, or another."""
    state, described = weights_file.parse(path, content)
    plain = _plain(path, state)
    own = _with_architecture(path, plain, ModelInfo(path.name, str(path), ""))
    if described is not None:
        _check_described(path, own, described)
    _check_tensors(path, plain, own)
    fingerprint = weights_file.fingerprint(state)
    known = _recognised(fingerprint, described)
    if known is not None:
        return Model(known, plain)
    if described is None and not own.norm:
        raise ModelError(
            f"{path} holds weights of a U-Net without batch normalisation, of which is not known how "
            "their input is scaled: give weights that 'acs-deepcr train' wrote, or a published model."
        )
    facts = described or weights_file.Description()
    own = replace(
        own,
        sha256=weights_file.identity(fingerprint, facts),
        file_sha256=hashlib.sha256(content).hexdigest(),
        scale=float(facts.scale),
        standardise=facts.standardise,
        compression=facts.compression,
        filter=facts.filter,
        threshold=float(facts.threshold),
    )
    return Model(own, plain)


def _recognised(fingerprint, described):
    """Return the published model that has these weights and scales its input so, or None."""
    for known in KNOWN:
        if weights_file.identity(fingerprint, described or known) == known.sha256:
            return known
    return None


def _read(path):
    try:
        require_regular(path)
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ModelError(f"{path} is too large ({size} bytes) to be the weights of such a network.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"The weights {path} cannot be read ({reason}): check the path, or give one of "
            f"{', '.join(names())}."
        ) from error


def _plain(path, state):
    """Return weights as float32, with every weight normalisation carried out."""
    from .unet import without_weight_norm

    try:
        return without_weight_norm({key: value.float() for key, value in state.items()})
    except RuntimeError as error:  # of a type that has no numbers
        raise ModelError(
            f"{path} holds tensors that cannot be made float32 ({str(error).splitlines()[0]}): "
            "save the weights as float32."
        ) from error


def _check_described(path, info, described):
    """Refuse weights whose metadata describe another network."""
    for name in ("kind", "levels", "hidden"):
        if getattr(info, name) != getattr(described, name):
            raise ModelError(
                f"The metadata of {path} say {name} {getattr(described, name)}, its weights have "
                f"{getattr(info, name)}: copy or train the weights again."
            )


def _with_architecture(path, state, info):
    """Return the info with levels, hidden channels, normalisation and kind read off the tensors."""
    first = state.get("inc.conv.conv.0.weight")
    if first is None or first.dim() != 4 or first.shape[1] not in (1, 2):
        raise ModelError(
            f"{path} holds no weights of a deepCR U-Net "
            "(tensor 'inc.conv.conv.0.weight' is missing or of another shape)."
        )
    levels = 1 + sum(f"down{level}.mpconv.1.conv.0.weight" in state for level in range(1, 9))
    norm = any(key.endswith(".running_mean") for key in state)
    kind = "inpaint" if first.shape[1] == 2 else "mask"
    return replace(info, levels=levels, hidden=int(first.shape[0]), norm=norm, kind=kind)


def _check_tensors(path, state, info):
    """Refuse weights whose keys, shapes or values are not those of the network."""
    import torch

    from .unet import Architecture, UNet

    architecture = Architecture(info.levels, info.hidden, info.in_channels, norm=info.norm)
    with torch.device("meta"):
        expected = UNet(architecture).state_dict()
    faults = [f"{key} is missing" for key in expected.keys() - state.keys()]
    faults += [f"{key} is unknown" for key in state.keys() - expected.keys()]
    for key in expected.keys() & state.keys():
        if state[key].shape != expected[key].shape:
            faults.append(f"{key} is {tuple(state[key].shape)}, not {tuple(expected[key].shape)}")
        elif not bool(torch.isfinite(state[key]).all()):
            faults.append(f"{key} has values that are not finite")
        elif key.endswith("running_var") and bool((state[key] < 0).any()):
            faults.append(f"{key} has negative variances")
    if faults:
        shown = "; ".join(sorted(faults)[:3]) + ("; ..." if len(faults) > 3 else "")
        raise ModelError(f"{path} does not hold the weights of a {info.levels}-{info.hidden} U-Net: {shown}.")
