"""Files of weights: PyTorch's, as deepCR has them, and safetensors with a description, as trained here.

A safetensors file holds tensors and strings only, so nothing in it can run. One of the
strings is the JSON text of what the weights are: architecture, input scale, filter,
threshold, and how they were made or where they come from.
"""

import hashlib
import io
import json
import math
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ..errors import ModelError
from .scaling import COMPRESSIONS

__all__ = ["Description", "fingerprint", "identity", "parse", "write"]

_KEY = "acs_deepcr_step"
_FORMAT = 1
_LARGEST_HEADER = 100_000_000  # the format's own limit, bytes
_KINDS = ("mask", "inpaint")


@dataclass(frozen=True)
class Description:
    """What weights are.

    Attributes
    ----------
    kind : {'mask', 'inpaint'}
    levels, hidden : int
        Shape of the U-Net.
    scale : float
        The image in electrons is divided by this before the network sees it.
    filter : str
        The filter whose exposures trained it; empty for all.
    threshold : float
        Recommended probability threshold.
    about : dict
        How the weights were made: ``recipe``, ``data``, ``figures``, ``versions``; of published
        ones, where they come from: ``package``, ``version``, ``file``, ``sha256``, ``licence``,
        ``authors``, ``citation``. Of plain types.
    standardise : bool
        Whether the mean of the whole image is then subtracted, and its standard deviation
        divided by. For mask models only.
    compression : {'', 'asinh'}
        How the network's input is compressed (`scaling`); empty: not at all. For mask models only, and
        instead of scale and standardise.
    """

    kind: str = "mask"
    levels: int = 2
    hidden: int = 32
    scale: float = 1.0
    filter: str = ""
    threshold: float = 0.5
    about: dict = field(default_factory=dict)
    standardise: bool = False
    compression: str = ""

    def faults(self):
        """Return what is wrong with the values, in words."""
        found = []
        if self.kind not in _KINDS:
            found.append(f"kind is {self.kind!r}, not one of {', '.join(_KINDS)}")
        for name in ("levels", "hidden"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                found.append(f"{name} is {value!r}, not a whole number above 0")
        if not _is_number(self.scale) or not self.scale > 0:
            found.append(f"scale is {self.scale!r}, not a number above 0")
        if not _is_number(self.threshold) or not 0 <= self.threshold <= 1:
            found.append(f"threshold is {self.threshold!r}, not a number from 0 to 1")
        if not isinstance(self.filter, str):
            found.append(f"filter is {self.filter!r}, not a name")
        if not isinstance(self.about, Mapping):
            found.append("about is no table of values")
        if not isinstance(self.standardise, bool):
            found.append(f"standardise is {self.standardise!r}, neither true nor false")
        elif self.standardise and self.kind == "inpaint":
            found.append("standardise is for mask models only")
        if self.compression not in COMPRESSIONS:
            found.append(f"compression is {self.compression!r}, not one of {', '.join(COMPRESSIONS[1:])}")
        elif self.compression and (self.kind == "inpaint" or self.standardise or self.scale != 1):
            found.append("compression is for mask models only, without another scale")
        return found


def _is_number(value):
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of 400 digits
        return False


def fingerprint(state):
    """Return the SHA-256 of weights: of their names, shapes and values as float32.

    Parameters
    ----------
    state : dict of str to torch.Tensor

    Returns
    -------
    str
        64 hex digits; the same for any order of the tensors, and any file they are in.
    """
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().float().contiguous()
        digest.update(f"{name} float32 {tuple(value.shape)}\n".encode())
        raw = value.reshape(-1, 1).view(torch.uint8)  # the bytes of one number in a row
        digest.update((raw if sys.byteorder == "little" else raw.flip(1).contiguous()).numpy())
    return digest.hexdigest()


def identity(fingerprint, facts):
    """Return what identifies a model: the same weights with another input scale are another model.

    Parameters
    ----------
    fingerprint : str
        From `fingerprint`.
    facts : Description or published.ModelInfo
        Of which scale, standardise and compression matter.

    Returns
    -------
    str
        64 hex digits.
    """
    text = f"{fingerprint} scale {float(facts.scale)!r} standardise {bool(facts.standardise)}"
    if facts.compression:
        text += f" compression {facts.compression}"
    return hashlib.sha256(text.encode()).hexdigest()


def write(path, state, description):
    """Write weights with their description.

    Parameters
    ----------
    path : path
        A temporary one that the caller renames, if a file may be there.
    state : dict of str to torch.Tensor
    description : Description

    Raises
    ------
    ModelError
        If the description is not sound.
    OSError
        If the file cannot be written.

    Notes
    -----
    The same weights and description give the same bytes.
    """
    from safetensors.torch import save

    if description.faults():
        raise ModelError(f"{path} is not written: {'; '.join(description.faults())}.")
    values = {"format": _FORMAT, **asdict(description)}
    if not description.compression:
        del values["compression"]  # so that weights without it have the same bytes as ever
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    # One key only: the order of several would differ from file to file.
    content = save(tensors, metadata={_KEY: text})
    with open(path, "xb") as file:
        file.write(content)


def parse(path, content):
    """Read weights from the content of a file.

    Parameters
    ----------
    path : path
        For messages.
    content : bytes

    Returns
    -------
    state : dict of str to torch.Tensor
    description : Description or None
        None for a file of PyTorch weights, which has none.

    Raises
    ------
    ModelError
        If the content is neither.
    """
    header = _safetensors_header(content)
    if header is None and str(path).endswith(".safetensors"):
        raise ModelError(
            f"{path} is no safetensors file, or only the beginning of one: copy or train the weights again."
        )
    if header is None:
        return _pytorch(path, content), None
    from safetensors.torch import load

    try:
        state = load(content)
    except Exception as error:  # whatever a malformed file makes the reader raise
        raise ModelError(
            f"{path} is a damaged safetensors file ({error}): copy or train the weights again."
        ) from error
    described = _described(path, header)
    _require_plain(path, state, content)
    return state, described


def _safetensors_header(content):
    """Return the header of a safetensors file, or None: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 10 or content[8:9] != b"{" or length > min(len(content) - 8, _LARGEST_HEADER):
        return None
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def _described(path, header):
    metadata = header.get("__metadata__")
    text = metadata.get(_KEY) if isinstance(metadata, dict) else None
    if text is None:
        raise ModelError(
            f"{path} does not say what its weights are (it has no metadata of {_KEY}), so their input scale "
            "is not known: give weights that 'acs-deepcr train' wrote."
        )
    try:
        values = json.loads(text)
        if values.pop("format") != _FORMAT:
            raise ValueError("another format")
        description = Description(**values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"The metadata of {path} are not those of this version of the step: train the weights again."
        ) from error
    if description.faults():
        raise ModelError(
            f"The metadata of {path} are not sound: {'; '.join(description.faults())}; "
            "train the weights again."
        )
    return description


def _pytorch(path, content):
    import torch

    try:
        _require_unpacked(content)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file that holds no weights makes the reader raise
        raise ModelError(
            f"{path} is not a file of PyTorch weights that can be loaded safely: "
            "save a state dictionary with torch.save(network.state_dict(), path)."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise ModelError(f"{path} does not hold a state dictionary: save network.state_dict().")
    _require_plain(path, state, content)
    plain = {key.removeprefix("module."): value for key, value in state.items()}
    if len(plain) < len(state):
        raise ModelError(f"{path} holds two tensors of one name: save network.state_dict().")
    return plain


def _require_unpacked(content):
    """Refuse an archive that becomes far larger when it is read; PyTorch does not compress."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > len(content):
                raise ValueError("it is compressed")


def _require_plain(path, state, content):
    """Refuse what is no dense tensor of real numbers that the file itself holds."""
    import torch

    for value in state.values():
        if not (
            isinstance(value, torch.Tensor)
            and value.layout == torch.strided
            and value.device.type == "cpu"
            and not (value.is_quantized or value.is_complex())
        ):
            raise ModelError(
                f"{path} does not hold a state dictionary of real numbers: save network.state_dict()."
            )
    # A tensor of stride 0 shows one number again and again: of any size, in a small file.
    if sum(value.numel() * value.element_size() for value in state.values()) > len(content):
        raise ModelError(
            f"{path} holds tensors that are larger than the file: save network.state_dict() with every "
            "tensor as a copy (clone)."
        )
