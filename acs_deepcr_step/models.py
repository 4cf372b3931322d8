"""The published models by name, and weights of one's own by path."""

from .network.models import (
    AUTO,
    GLOBAL,
    INPAINT,
    KINDS,
    MEDMASK,
    Model,
    ModelInfo,
    for_filter,
    info,
    load,
    names,
)

__all__ = [
    "AUTO", "GLOBAL", "INPAINT", "KINDS", "MEDMASK", "Model", "ModelInfo", "for_filter", "info", "load",
    "names",
]  # fmt: skip
